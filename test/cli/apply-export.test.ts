// A tenant's configuration as a file, and back: whatever is configured, its file changes nothing;
// and on an empty tenant it makes the same configuration.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'
import { carryOut } from '../../src/cli/apply/carry-out.ts'
import { kinds, parseTenantFile } from '../../src/cli/apply/file.ts'
import { planOf } from '../../src/cli/apply/plan.ts'
import { exportTenant, yamlOf } from '../../src/cli/apply/written-file.ts'
import { createClient, type ServiceClient } from '../../src/cli/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)
const WITHOUT = { prune: false, rotate: false }

const clientOf = (tenant: string) => createClient({ url: service.url, token: ADMIN_TOKEN, tenant })

const id = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/)
/** Texts that YAML and references give another meaning. */
const text = fc.oneof(
  fc.constantFrom(
    'yes',
    '0',
    '1e3',
    '2026-01-01',
    '# no',
    '- a',
    `\${env:X}`,
    `$\${file:y}`,
    'null',
  ),
  fc.stringMatching(/^[ -~äöü]{1,20}$/).filter((one) => one.trim() === one),
)
const filter = fc.record(
  {
    event_filter: fc.uniqueArray(fc.constantFrom('order.created', 'a.b'), { minLength: 1 }),
    entity_filter: fc.uniqueArray(fc.constantFrom('order', 'return'), { minLength: 1 }),
  },
  { requiredKeys: ['event_filter'] },
)
const headers = fc.dictionary(
  fc.constantFrom('x-a', 'x.b', 'X-C'),
  fc.stringMatching(/^[a-z]{0,9}$/),
)
const delivery = fc.record(
  {
    max_in_flight: fc.integer({ min: 1, max: 100 }),
    timeout_ms: fc.integer({ min: 100, max: 300_000 }),
    headers,
    signing_secret: fc.constant(`whsec_${'A'.repeat(32)}`),
  },
  { requiredKeys: [] },
)
const webhook = fc.record(
  {
    callback_url: fc.constantFrom('http://127.0.0.1:1/a', 'http://127.0.0.1:1/b?c=%20#d'),
    api_key: fc.constant('a-key'),
  },
  { requiredKeys: ['callback_url'] },
)
const store = fc.record(
  {
    bucket: fc.constantFrom('one', 'two'),
    aws_region: fc.constant('eu-central-1'),
    aws_access_key_id: fc.constant('an-id'),
    aws_secret_access_key: fc.constant('a-secret'),
    compression: fc.constant('gzip'),
    key_prefix: fc.constant('a/b'),
  },
  {
    requiredKeys: ['bucket', 'aws_region', 'aws_access_key_id', 'aws_secret_access_key'],
  },
)
const integration = fc.oneof(
  fc.record(
    { id, callback_parameters: webhook, delivery, filter_conditions: filter },
    { requiredKeys: ['id', 'callback_parameters'] },
  ),
  fc.record({ id, s3_parameters: store }),
)
const account = fc.record({
  accessKey: fc.constant('an-id'),
  accessSecret: fc.constant('a-secret'),
  region: fc.constant('eu-central-1'),
})
const subscription = fc.record(
  {
    id,
    entityType: fc.constantFrom('CUSTOMER', 'ORDER', 'OTHER'),
    active: fc.boolean(),
    subscribeCreate: fc.boolean(),
    subscribeDelete: fc.boolean(),
    destination: fc.oneof(
      account.map((sqs) => ({
        type: 'SQS',
        sqs: { ...sqs, queueUrl: 'http://127.0.0.1:1/q' },
      })),
      account.map((sns) => ({
        type: 'SNS',
        sns: { ...sns, topicArn: 'arn:aws:sns:eu-central-1:1:t', endpoint: 'http://127.0.0.1:1' },
      })),
    ),
  },
  { requiredKeys: ['id', 'entityType', 'destination'] },
)
const job = fc.record(
  {
    id,
    notification: fc.constantFrom('BACK_IN_STOCK', 'PRICE_DROP'),
    schedule: fc.constantFrom('0 9 * * 1-5', '*/5 * * * *'),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin'),
    max_mails_per_week: fc.constantFrom(null, 1, 100),
    template_id: text,
    scheduleExpression: text,
    is_active: fc.boolean(),
    is_scheduled: fc.boolean(),
    number_of_items_in_email: fc.integer({ min: -1, max: 1_000 }),
    job_parameters: fc.record({ campaign_id: text, utm_medium: text }, { requiredKeys: [] }),
  },
  { requiredKeys: ['id', 'notification', 'schedule', 'template_id'] },
)
const eventType = fc.record(
  {
    name: fc.constantFrom('order.created', 'order.shipped', 'a.b'),
    on_violation: fc.constantFrom('reject', 'warn'),
    schema: fc.record({
      type: fc.constant('object'),
      description: text,
      default: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value))),
    }),
    description: text,
    deprecated: fc.boolean(),
  },
  { requiredKeys: ['name', 'on_violation', 'schema'] },
)
const unique = <T extends object>(one: fc.Arbitrary<T>, key: keyof T) =>
  fc.uniqueArray(one, { maxLength: 3, selector: (value) => value[key] })
const configuration = fc.record({
  integrations: unique(integration as fc.Arbitrary<{ id: string }>, 'id'),
  subscriptions: unique(subscription as fc.Arbitrary<{ id: string }>, 'id'),
  jobs: unique(job as fc.Arbitrary<{ id: string }>, 'id'),
  event_types: unique(eventType as fc.Arbitrary<{ name: string }>, 'name'),
})
type Configuration = typeof configuration extends fc.Arbitrary<infer T> ? T : never

async function configure(client: ServiceClient, made: Configuration): Promise<void> {
  for (const kind of kinds) {
    for (const tree of made[kind.section as keyof Configuration])
      await kind.add(client, { ...tree })
  }
}

async function applyText(client: ServiceClient, text: string): Promise<number> {
  const file = parseTenantFile('tenant.yaml', text)
  const { steps } = await planOf(client, file, WITHOUT)
  await carryOut(client, file, steps, () => {})
  return steps.length
}

/** The text with all of its secrets named, and their variables set. */
function withSecrets(text: string): string {
  const named = text.replaceAll(/# *(\w+: \$\{env:\w+\}) # if.*/g, '$1')
  for (const [, name = ''] of named.matchAll(/(?<!\$)\$\{env:(\w+)\}/g)) {
    process.env[name] = name.endsWith('SIGNING_SECRET') ? `whsec_${'B'.repeat(32)}` : 'a-secret'
  }
  return named
}

describe('a file that is made of a configuration', () => {
  let made = 0
  it('changes nothing there, and makes the same one elsewhere', async () => {
    await fc.assert(
      fc.asyncProperty(configuration, async (configured) => {
        made++
        const [from, to] = [clientOf(`from-${made}`), clientOf(`to-${made}`)]
        await configure(from, configured)
        const text = yamlOf(await exportTenant(from, undefined))
        expect(await applyText(from, text)).toBe(0)

        await applyText(to, withSecrets(text))
        expect(await applyText(to, text)).toBe(0)
        expect(yamlOf(await exportTenant(to, undefined))).toBe(text)
      }),
      { numRuns: 25 },
    )
  })
})

// millrace apply as a user runs it: the difference, the question, the errors, and that a second
// time changes nothing.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { EVENTSTREAM } from '../../scripts/kit/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()
const home = useHome()
const { run } = commandsOn(service, home)
const { ask, on } = api(service)
const SECRETS = {
  ERP_KEY: 'the-key-of-the-erp',
  ERP_SIGNING: `whsec_${'A'.repeat(32)}`,
  CRM_KEY: 'an-access-key',
}
const file = path.join(home, 'tenant.yaml')
writeFileSync(path.join(home, 'crm-secret'), 'a-secret-of-the-crm\n')

/** Writes the file, and applies it. */
async function apply(text: string, ...args: string[]) {
  writeFileSync(file, text)
  const ended = await run(['apply', '-f', file, '--yes', ...args], SECRETS)
  for (const secret of [...Object.values(SECRETS), 'a-secret-of-the-crm']) {
    expect(ended.stdout + ended.stderr).not.toContain(secret)
  }
  return ended
}

const whole = () => `
tenant: dodici
event_types:
  - name: order.created
    on_violation: warn
    schema: { type: object, required: [id] }
integrations:
  - id: erp-1
    filter_conditions: { entity_filter: [order] }
    callback_parameters:
      callback_url: ${receiver.url}
      api_key: \${env:ERP_KEY}
    delivery:
      headers: { x-shop: one }
      signing_secret: \${env:ERP_SIGNING}
  - id: erp-2
    status: stopped
    callback_parameters: { callback_url: ${receiver.url} }
subscriptions:
  - id: crm
    entityType: CUSTOMER
    subscribeCreate: true
    destination:
      type: SQS
      sqs:
        queueUrl: http://127.0.0.1:1/crm
        region: eu-central-1
        accessKey: \${env:CRM_KEY}
        accessSecret: \${file:crm-secret}
jobs:
  - id: back-in-stock
    notification: BACK_IN_STOCK
    schedule: 0 9 * * 1-5
    template_id: d-1
`

const sameEach = {
  status: 0,
  stderr: '',
  stdout: expect.stringContaining('There is no difference.'),
}

describe('millrace apply', () => {
  it('shows all that it would add, and changes nothing', async () => {
    const planned = await apply(whole(), '--plan')
    expect(planned).toMatchObject({ status: 6, stderr: '' })
    expect(planned.stdout).toMatch(
      /^\+ event type order\.created\n {4}on_violation: warn\n[\s\S]*\+ integration erp-1\n/,
    )
    expect(planned.stdout).toContain('    callback_parameters.api_key: set\n')
    expect(planned.stdout).toMatch(/\n5 to add, 0 to change, 0 to remove\.\n$/)
    expect((await on('erp-1')).status).toBe(404)
  })

  it('adds it, and a second time changes nothing', async () => {
    expect(await apply(whole())).toMatchObject({ status: 0 })
    const entries = async () => (await on('erp-1', '/logs')).body
    const before = await entries()
    expect(await apply(whole())).toMatchObject({
      ...sameEach,
      stdout:
        'secrets of 2 entries stay as they are (--rotate sets them)'.replace(/^/, '  ') +
        '\nThere is no difference.\n',
    })
    expect(await entries()).toEqual(before)
    expect((await on('erp-2')).body).toMatchObject({ status: 'stopped' })
    expect((await on('erp-1')).body).toMatchObject({
      status: 'running',
      delivery: { headers: ['x-shop'], is_signed: true },
    })
    await ask('POST', `${EVENTSTREAM}/erp-1/_test`)
    expect(receiver.received.at(-1)?.headers).toMatchObject({
      authorization: `Bearer ${SECRETS.ERP_KEY}`,
      'x-shop': 'one',
    })
  })

  it('changes what differs, old → new, while the integration is stopped, and starts it', async () => {
    const changed = whole()
      .replace('[order]', '[order, return]')
      .replace('subscribeCreate', 'subscribeDelete')
      .replace('0 9 * * 1-5', '0 10 * * 1-5')
      .replace('on_violation: warn', 'on_violation: reject')
    const { status, stdout } = await apply(changed)
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(
        '~ integration erp-1\n    filter_conditions: {"entity_filter":["order"]} → ' +
          '{"entity_filter":["order","return"]}\n',
      ),
    })
    expect(stdout).toContain('    subscribeDelete: false → true\n')
    expect(stdout).toContain('    schedule: 0 9 * * 1-5 → 0 10 * * 1-5\n')
    expect(stdout).toContain('    on_violation: warn → reject\n')
    expect((await on('erp-1')).body).toMatchObject({
      status: 'running',
      filter_conditions: { entity_filter: ['order', 'return'] },
    })
    expect(await apply(changed)).toMatchObject(sameEach)
  })

  it('takes a filter away that is null, once', async () => {
    const changed = whole().replace(/filter_conditions: .*/, 'filter_conditions: null')
    const stdout = expect.stringMatching(/~ integration erp-1\n {4}filter_conditions: .* → null\n/)
    expect(await apply(changed)).toMatchObject({ status: 0, stdout })
    expect((await on('erp-1')).body).not.toHaveProperty('filter_conditions')
    expect(await apply(changed)).toMatchObject(sameEach)
    expect(await apply(whole())).toMatchObject({ status: 0 })
  })

  it('leaves what the file does not name, unless it is pruned', async () => {
    const less = 'integrations: []\njobs: []\n'
    const { status, stdout } = await apply(less)
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('  integration erp-1 is not in the file, and stays'),
    })
    expect(stdout).not.toContain('subscription')
    expect(await apply(less, '--prune')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('- integration erp-1\n'),
    })
    expect((await on('erp-1')).status).toBe(404)
    expect((await ask('GET', '/api/v1/event-subscription/crm')).status).toBe(200)
    // A deleted job is restored.
    expect(await apply(whole())).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/~ job back-in-stock\n[^+~]* {4}deleted: true → false\n/),
    })
  })

  it('changes no integration that somebody else has changed meanwhile', async () => {
    await ask('POST', `${EVENTSTREAM}/erp-1/_stop`)
    const { etag } = (await on('erp-1')).headers
    const { createClient } = await import('../../src/cli/client.ts')
    const { integrationKind } = await import('../../src/cli/apply/integration-kind.ts')
    const client = createClient({
      url: service.url,
      token: 'an-admin-token-for-tests',
      tenant: 'dodici',
    })
    const found = await integrationKind.find(client, 'erp-1')
    expect(found?.etag).toBe(etag)
    const filter_conditions = { entity_filter: ['invoice'] }
    await ask('PATCH', `${EVENTSTREAM}/erp-1`, { filter_conditions })
    const change = { found: found as never, changed: ['filter_conditions'], desired: {} }
    await expect(integrationKind.change(client, 'erp-1', change)).rejects.toMatchObject({
      status: 412,
    })
    expect((await on('erp-1')).body).toMatchObject({ filter_conditions, status: 'stopped' })
    await ask('POST', `${EVENTSTREAM}/erp-1/_start`)
  })

  it('sends stored secrets to no other target: the file must name them', async () => {
    const moved = whole().replaceAll(
      receiver.url,
      `${receiver.url}/`.replace('127.0.0.1', 'localhost'),
    )
    const planned = await apply(moved, '--plan')
    expect(planned.stdout).toContain('    callback_parameters.api_key: set\n')
    expect(planned.stdout).toContain('    delivery.headers: set\n')
    const without = moved.replace(/ +api_key.*\n/, '')
    const refused = await apply(without)
    expect(refused).toMatchObject({ status: 1 })
    const line = without.split('\n').findIndex((one) => one.includes('callback_url:')) + 1
    expect(refused.stderr).toContain(
      `${file}:${line}: integration erp-1: callback_parameters.api_key`,
    )
    expect((await on('erp-1')).body).toMatchObject({ status: 'running' })
  })

  it('sets all secrets anew', async () => {
    const { stdout, status } = await apply(whole(), '--rotate')
    expect(status).toBe(0)
    expect(stdout).toContain('    delivery.signing_secret: set\n')
    expect(stdout).toContain('    destination.sqs.accessSecret: set\n')
  })

  it('prints a JSON line for each step', async () => {
    const text = whole().replace('d-1', 'd-2')
    const planned = await apply(text, '--plan', '--json')
    const fields = [{ field: 'template_id', from: 'd-1', to: 'd-2' }]
    const step = { action: 'change', kind: 'job', id: 'back-in-stock', fields }
    expect(JSON.parse(planned.stdout)).toMatchObject({ ...step, done: false })
    expect(JSON.parse((await apply(text, '--json')).stdout)).toMatchObject({ ...step, done: true })
    expect(await apply(text, '--json')).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  it('asks first: without a terminal it needs --yes', async () => {
    writeFileSync(file, whole().replace('d-1', 'd-3'))
    const ended = await run(['apply', '-f', file], SECRETS)
    expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') })
  })
})

describe('a file is refused with file, line and field', () => {
  it.each([
    ['jobs: [', /^FILE:1: Flow sequence/],
    ['a: &a [1]\njobs: *b', /^FILE: Unresolved alias/],
    ['- 1', /^FILE:1: is not an object with event_types, integrations/],
    ['job: []', /^FILE:1: job is not one of tenant, event_types/],
    ['tenant: "a b"', /^FILE:1: tenant must be 1 to 63 letters/],
    ['jobs: {}', /^FILE:1: jobs must be a list/],
    ['jobs:\n  - id: a\n  - id: a', /^FILE:3: job a is in the file twice/],
    ['jobs:\n  - schedule: x', /^FILE:2: job: .*id/],
    ['jobs:\n  - id: a\n    schedul: x', /^FILE:3: job a: schedul /],
    ['jobs:\n  - id: a\n    is_active: "no"', /^FILE:3: job a: is_active must be boolean/],
    [
      'integrations:\n  - id: a\n    delivery:\n      timeout_ms: 1',
      /^FILE:4: .* delivery.timeout_ms /,
    ],
    ['integrations:\n  - id: a\n    integration_type: temporary', /^FILE:3: .* integration_type /],
    [
      'integrations:\n  - id: a\n    callback_parameters:\n      callback_url: http://a\n' +
        '      api_key: x',
      /^FILE:5: integration a: callback_parameters.api_key must refer to its secret/,
    ],
    [
      `integrations:\n  - id: a\n    callback_parameters:\n      callback_url: \${env:NO_SUCH}`,
      /^FILE:4: .* callback_parameters.callback_url needs the environment variable NO_SUCH/,
    ],
    [
      `integrations:\n  - id: a\n    callback_parameters:\n      callback_url: \${file:none}`,
      /^FILE:4: .* needs the file none, which cannot be read: ENOENT/,
    ],
  ])('%j', async (text, problem) => {
    const { status, stderr } = await apply(text)
    expect(stderr.replaceAll(file, 'FILE')).toMatch(problem)
    expect(status).toBe(2)
  })

  it('for a secret that is missing, before anything is changed', async () => {
    const text = `integrations:
  - id: new-1
    callback_parameters: { callback_url: ${receiver.url} }
  - id: new-2
    callback_parameters:
      callback_url: ${receiver.url}
      api_key: \${env:NO_SUCH}
`
    expect(await apply(text)).toMatchObject({ status: 2, stderr: expect.stringContaining(':7: ') })
    expect((await on('new-1')).status).toBe(404)
  })

  it('for what the service refuses, with what is left to do', async () => {
    const text = `integrations:
  - id: new-1
    callback_parameters: { callback_url: ${receiver.url} }
    filter_conditions: {}
`
    const { status, stderr } = await apply(text)
    expect(stderr.replaceAll(file, 'FILE')).toMatch(
      /^FILE:4: .* new-1: filter_conditions names nothing[\s\S]*1 of 1 changes are left/,
    )
    expect(status).toBe(1)
  })

  it('for what cannot be changed', async () => {
    const start = whole().replace('- id: erp-2', '- id: erp-2\n    starts_at: 2026-01-01T00:00:00Z')
    expect((await apply(start)).stderr).toContain('starts_at is not set in the service')
    const kind = 'integrations:\n  - id: erp-2\n    s3_parameters: { bucket: b, aws_region: eu }'
    expect((await apply(kind)).stderr).toContain('has another kind of target')
  })
})

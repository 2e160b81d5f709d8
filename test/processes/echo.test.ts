// Targets of every kind that say back what they were sent, in clear and in codes, with each kind
// of failure: afterwards no secret is in the database, in any line of log, or in any answer.

import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ADMIN_TOKEN, call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { createJob, runNow } from '../../scripts/kit/jobs.ts'
import type { Receiver } from '../../scripts/kit/receiver.ts'
import { spellingsIn } from '../../scripts/kit/spellings.ts'
import { until } from '../../scripts/kit/until.ts'
import { newSigningSecret, secretBytes } from '../../src/destination/sign.ts'
import { useDatabase } from '../helpers/database.ts'
import { dumpOf } from '../helpers/dump.ts'
import { startEcho, WAYS, type Way } from '../helpers/echo.ts'
import { type Service, startService } from '../helpers/service.ts'
import { customer, level, projected, tell, wishlist } from '../helpers/shop.ts'

const database = useDatabase()
const secret = (name: string) => `${name}-${randomBytes(12).toString('hex')}`
const secrets: Record<string, string> = {
  apiKey: secret('api-key'),
  header: `${secret('header')}"/+\\=`,
  token: `Token ${secret('scheme')}`,
  signing: newSigningSecret(),
  s3Id: secret('s3-id'),
  s3Key: secret('s3-key'),
  sqsId: secret('sqs-id'),
  sqsKey: secret('sqs-key'),
  snsId: secret('sns-id'),
  snsKey: secret('sns-key'),
  lentId: secret('lent-id'),
  lentKey: secret('lent-key'),
  lentToken: `${secret('lent-token')}/+==`,
  sender: secret('SG.own'),
  operator: secret('SG.operator'),
  admin: ADMIN_TOKEN,
  jwtSecret: secret('jwt-secret'),
  secretKey: randomBytes(32).toString('hex'),
  previousKey: randomBytes(32).toString('hex'),
}
const SUBSCRIPTIONS = '/api/v1/event-subscription'
const SENDER = '/api/v1/notification-sender'

let echo: Receiver
let service: Service
const answers: string[] = []
beforeAll(async () => {
  echo = await startEcho()
  service = await startService('start', {
    DATABASE_URL: database.url,
    MILLRACE_LOG_LEVEL: 'debug',
    MILLRACE_JWT_SECRET: secrets['jwtSecret'],
    MILLRACE_SECRET_KEY: secrets['secretKey'],
    MILLRACE_SECRET_KEY_PREVIOUS: secrets['previousKey'],
    MILLRACE_S3_DEFAULT_CREDENTIALS: 'true',
    MILLRACE_QUEUE_DEFAULT_CREDENTIALS: 'true',
    AWS_ACCESS_KEY_ID: secrets['lentId'],
    AWS_SECRET_ACCESS_KEY: secrets['lentKey'],
    AWS_SESSION_TOKEN: secrets['lentToken'],
    MILLRACE_RETRY_BASE_MS: '1',
    MILLRACE_S3_WINDOW_MS: '10',
    MILLRACE_SENDGRID_API_KEY: secrets['operator'],
    MILLRACE_SENDGRID_FROM: 'shop@example.com',
    MILLRACE_SENDGRID_URL: `${echo.url}401/clear`,
  })
})
afterAll(() => Promise.all([service.kill('SIGTERM'), echo.close()]))

/** A request whose answer must hold no secret. */
async function ask(path: string, tenant: string, method = 'GET', body?: unknown) {
  const reply = await call(service.url + path, {
    method,
    headers: { tenant },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  answers.push(JSON.stringify([reply.headers, reply.body]))
  return reply
}

/** As many as a tenant may have. */
const cases: [number, Way][] = [
  ...([400, 403, 500] as const).map((status): [number, Way] => [status, 'clear']),
  ...([
    [400, 'base64'],
    [403, 'wrapped'],
    [500, 'base64'],
  ] as [number, Way][]),
  ...([
    [400, 'escaped'],
    [403, 'hex'],
    [500, 'escaped'],
  ] as [number, Way][]),
]

async function startWebhooks(): Promise<string[]> {
  const paths = [...cases.map((one) => one.join('/')), 'slow/clear']
  return Promise.all(
    paths.map(async (path, n) => {
      const id = `hook-${n}`
      const made = await ask(EVENTSTREAM, 'webhooks', 'POST', {
        id,
        integration_type: 'permanent',
        callback_parameters: { callback_url: echo.url + path, api_key: secrets['apiKey'] },
        delivery: {
          headers: { 'x-key': secrets['header'], 'x-token': secrets['token'] },
          signing_secret: secrets['signing'],
          ...(path.startsWith('slow') ? { timeout_ms: 200 } : {}),
        },
      })
      expect(made.status).toBe(200)
      return `${EVENTSTREAM}/${id}`
    }),
  )
}

const storeKeys = { aws_access_key_id: secrets['s3Id'], aws_secret_access_key: secrets['s3Key'] }

async function startStores(tenant: string, keys: object): Promise<string[]> {
  return Promise.all(
    cases.map(async ([status, way], n) => {
      const id = `files-${n}`
      const parameters = { endpoint: `${echo.url}${status}/${way}`, force_path_style: true }
      const made = await ask(EVENTSTREAM, tenant, 'POST', {
        id,
        integration_type: 'permanent',
        s3_parameters: { ...keys, ...parameters, aws_region: 'eu-west-1', bucket: 'bucket' },
      })
      expect(made.status).toBe(200)
      return `${EVENTSTREAM}/${id}`
    }),
  )
}

const queueKeys = (name: string) => ({
  accessKey: secrets[`${name}Id`],
  accessSecret: secrets[`${name}Key`],
})

async function startQueues(tenant: string, keysOf: (name: string) => object): Promise<string[]> {
  const region = 'eu-west-1'
  return Promise.all(
    cases.flatMap(([status, way], n) => {
      const endpoint = `${echo.url}${status}/${way}`
      const [sqs, sns] = ['sqs', 'sns'].map((name) => ({ ...keysOf(name), region, endpoint }))
      const topicArn = `arn:aws:sns:${region}:000000000000:topic`
      const destinations = [
        { sqs: { ...sqs, queueUrl: `${endpoint}/queue` }, type: 'SQS' },
        { sns: { ...sns, topicArn }, type: 'SNS' },
      ]
      return destinations.map(async (destination) => {
        const id = `${destination.type}-${n}`
        const body = { id, destination, entityType: 'ORDER', subscribeCreate: true }
        expect((await ask(SUBSCRIPTIONS, tenant, 'POST', body)).status).toBe(201)
        return `${SUBSCRIPTIONS}/${id}`
      })
    }),
  )
}

/** Runs a job with the operator's key, and with one of the tenant's in each way. */
async function sendMails(): Promise<void> {
  const events = [level('v', 0), customer('c'), wishlist('w', 'c', ['v']), level('v', 5)]
  await createJob(service.url)
  await projected(database, await tell(database, events))
  answers.push(JSON.stringify(await runNow(service.url)))
  for (const way of WAYS) {
    const url = `${echo.url}401/${way}`
    const sender = { api_key: secrets['sender'], from_email: 'shop@example.com', url }
    expect((await ask(SENDER, 'dodici', 'PUT', sender)).status).toBe(200)
    const run = await runNow(service.url)
    expect(run).toMatchObject({ state: 'failed', reason: expect.stringContaining('***') })
    answers.push(JSON.stringify(run))
  }
}

/** An API key and the token that it gets; both are used, well and badly. */
async function useTokens(): Promise<Record<string, string>> {
  const made = await call(`${service.url}/api/v1/api-keys`, {
    body: JSON.stringify({ name: 'k', tenants: ['webhooks'], scopes: ['read', 'publish'] }),
  })
  const key = String(made.body['token'])
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const id = key.split('_')[1]
  const body = `grant_type=client_credentials&client_id=${id}&client_secret=${key}`
  const url = `${service.url}/oauth2/token`
  const granted = await call(url, { token: null, headers: form, body })
  const token = String(granted.body['access_token'])
  const basic = `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}`
  const headers = { ...form, authorization: basic }
  const another = await call(url, { token: null, headers, body: 'grant_type=client_credentials' })
  for (const bearer of [key, token, `${key}x`, `${token}x`]) {
    for (const [path, method] of [
      ['', 'GET'],
      ['/hook-0', 'DELETE'],
    ] as const) {
      const options = { method, token: bearer, headers: { tenant: 'webhooks' } }
      answers.push(JSON.stringify((await call(service.url + EVENTSTREAM + path, options)).body))
    }
  }
  return { key, token, another: String(another.body['access_token']) }
}

/** Each consumer of a tenant has failed at least once. */
async function allFailed(tenant: string, count: number): Promise<void> {
  await until(
    `${count} consumers of ${tenant} have failed`,
    async () => {
      const { rows } = await database.pool.query(
        'select count(distinct consumer)::integer as failed from attempt where tenant = $1',
        [tenant],
      )
      return rows[0].failed === count
    },
    90_000,
  )
}

it('no secret is left anywhere, in clear or in a code', async () => {
  const hooks = await startWebhooks()
  const stores = await startStores('stores', storeKeys)
  const queues = await startQueues('queues', queueKeys)
  const lent = [...(await startStores('lent', {})), ...(await startQueues('lent', () => ({})))]
  const tokens = await useTokens()
  const rotated = await call(`${service.url}${hooks[0]}/_rotate_signing_secret`, {
    headers: { tenant: 'webhooks' },
    body: '{}',
  })
  for (const tenant of ['webhooks', 'stores', 'queues', 'lent']) {
    expect((await publish(service.url, { key: randomUUID(), payload: '{}', tenant })).status).toBe(
      201,
    )
  }
  await sendMails()
  await allFailed('webhooks', hooks.length)
  await allFailed('stores', stores.length)
  await allFailed('queues', queues.length)
  await allFailed('lent', lent.length)

  for (const [tenant, paths] of Object.entries({ webhooks: hooks, stores, queues, lent })) {
    for (const path of paths) {
      for (const of of ['', '/logs', '/stats', '/rejected_events']) await ask(path + of, tenant)
    }
  }
  const { body } = await ask(`${hooks[0]}/rejected_events`, 'webhooks')
  const [rejected] = body['rejected_events'] as { id: string; response: string }[]
  expect(rejected?.response).toContain('***')
  await ask(`${hooks[0]}/rejected_events/${rejected?.id}/_retry`, 'webhooks', 'POST')
  const more = [EVENTSTREAM, SUBSCRIPTIONS, SENDER, '/api/v1/api-keys', '/api/v1/jobs']
  for (const path of [...more, '/api/v1/jobs/back-in-stock/runs', '/openapi.json']) {
    for (const tenant of ['dodici', 'webhooks', 'queues']) await ask(path, tenant)
  }
  await service.kill('SIGTERM')

  const signing = String(rotated.body['signing_secret'])
  const all = { ...secrets, ...tokens, rotated: signing, scheme: secrets['token']?.slice(6) ?? '' }
  const bytes = [secrets['signing'] as string, signing].map((text) => secretBytes(text))
  const outputs = {
    database: await dumpOf(database.admin.pool),
    output: service.output(),
    answers: answers.join('\n'),
  }
  expect(outputs.database).toContain('sealed:1:')
  expect(outputs.output).toContain('attempt failed')
  for (const [output, text] of Object.entries(outputs)) {
    expect(text.split('***').length, output).toBeGreaterThan(10)
    for (const [name, value] of Object.entries(all)) {
      expect(spellingsIn(text, value), `${name} in the ${output}`).toEqual([])
    }
    for (const value of bytes) expect(spellingsIn(text, value)).toEqual([])
  }
}, 240_000)

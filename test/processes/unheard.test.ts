// Changes of configuration whose commit is hard to hear of: the answer of the database is lost, the
// statement arrives late, or the answer is the last thing that the database says. Each is answered
// with its success, and made once.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, EVENTSTREAM, type Reply } from '../../scripts/kit/client.ts'
import { aSubscription, collector, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { aJob, JOBS } from '../../scripts/kit/jobs.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'
import { type Fate, startWire, type Wire } from '../helpers/wire.ts'

const FATES: Fate[] = ['answer lost', 'late', 'last answer']
const REJECTED = '0197e000-0000-7000-8000-000000000001'
const KEYS = '/api/v1/api-keys'
const SENDER = '/api/v1/notification-sender'
const database = useDatabase()
let wire: Wire
let service: Service
let receiver: Receiver
beforeAll(async () => {
  wire = await startWire(database.url)
  receiver = await startReceiver()
  service = await startService('serve', { DATABASE_URL: wire.url })
})
afterAll(async () => {
  await service.kill('SIGTERM')
  await Promise.all([wire.close(), receiver.close()])
})

/** One request of the tenant `id`; `id` names what it changes, too. */
type Ask = (id: string) => Promise<Reply>
type Operation = {
  name: string
  /** Stands in the statement that makes the change. */
  marker: string
  /** What must be there, each with success. */
  before?: Ask[]
  ask: Ask
  /** What the log of configuration, or the table of the operation, has by it. */
  made: string
}

const send = (id: string, path: string, method: string, body?: object) =>
  call(service.url + path, {
    method,
    headers: { tenant: id },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const integration = (id: string, changes: object = {}) =>
  send(id, EVENTSTREAM, 'POST', {
    id,
    integration_type: 'permanent',
    callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
    ...changes,
  })
const one = (path: string, method: string, body?: object) => (id: string) =>
  send(id, `${EVENTSTREAM}/${id}${path}`, method, body)
const subscription = (method: string, changes: object) => (id: string) =>
  collector(service.url + SUBSCRIPTIONS, method, aSubscription({ id, ...changes }), { tenant: id })
const job = (id: string) => send(id, JOBS, 'POST', aJob({ id }))
const sender = (from_email: string) => (id: string) =>
  send(id, SENDER, 'PUT', { api_key: 'SG.key', from_email })
const key = (id: string) => send(id, KEYS, 'POST', { name: id, tenants: [id], scopes: ['read'] })
const revoke = async (id: string) => {
  const { rows } = await database.pool.query('select id from api_key where name = $1', [id])
  return send(id, `${KEYS}/${rows[0].id}`, 'DELETE')
}
const entries = (like: string) =>
  `select action as made from config_log where tenant = $1 and action like '${like}' and id <>
   'projection:shop'`

/** Two rejected events, one of them with a known id. */
const reject = async (id: string) => {
  await database.pool.query(
    `insert into rejected_event (
       tenant, consumer, id, event_position, name, entity_id, idempotency_key, payload, status,
       response
     ) select $1, $1, ids.id, row_number() over (), 'order.created', 'o', 'k', '{}', 400, ''
     from unnest(array[$2::uuid, gen_random_uuid()]) as ids (id)`,
    [id, REJECTED],
  )
  return one('', 'GET')(id)
}
const stop = one('/_stop', 'POST')
const change = { marker: 'change_consumer', before: [integration, stop] }
const deactivated = subscription('POST', { active: false })
const ofJob = { marker: 'change_notification_job', before: [job] }
const ofSender = { marker: 'change_notification_sender', before: [sender('a@example.com')] }
const operations: Operation[] = [
  {
    name: 'register-integration',
    marker: 'register_consumer',
    ask: integration,
    made: entries('%'),
  },
  {
    name: 'register-late',
    marker: 'register_consumer',
    ask: (id) => integration(id, { starts_at: '2020-01-01T00:00:00Z' }),
    made: entries('started_at_oldest_event'),
  },
  {
    ...change,
    name: 'start',
    ask: one('/_start', 'POST'),
    made: `${entries('%_started')} and version = 3`,
  },
  { ...change, name: 'stop', before: [integration], ask: stop, made: entries('%_stopped') },
  {
    ...change,
    name: 'update',
    ask: one('', 'PATCH', { callback_parameters: { callback_url: 'http://127.0.0.1:8/' } }),
    made: entries('%_updated'),
  },
  {
    ...change,
    name: 'rotate',
    ask: one('/_rotate_signing_secret', 'POST', {}),
    made: entries('%_rotated'),
  },
  { ...change, name: 'delete', ask: one('', 'DELETE'), made: entries('%_deleted') },
  {
    name: 'subscribe',
    marker: 'register_consumer',
    ask: deactivated,
    made: entries('%'),
  },
  {
    name: 'update-subscription',
    marker: 'change_consumer',
    before: [deactivated],
    ask: subscription('PUT', { entityType: 'ORDER', active: undefined }),
    made: entries('%_updated'),
  },
  {
    name: 'deactivate',
    marker: 'change_consumer',
    before: [subscription('POST', {})],
    ask: (id) =>
      collector(`${service.url}${SUBSCRIPTIONS}/${id}/deactivate`, 'PUT', undefined, {
        tenant: id,
      }),
    made: entries('%_stopped'),
  },
  {
    name: 'delete-rejected',
    marker: 'delete from rejected_event',
    before: [integration, reject],
    ask: one('/rejected_events', 'DELETE'),
    made: `${entries('rejected_event_deleted')} and reason like '2 %'`,
  },
  {
    name: 'delete-one-rejected',
    marker: 'delete from rejected_event',
    before: [integration, reject],
    ask: one(`/rejected_events/${REJECTED}`, 'DELETE'),
    made: `${entries('rejected_event_deleted')} and reason like '1 %'`,
  },
  {
    name: 'retry-rejected',
    marker: 'delete from rejected_event',
    before: [
      (id) => integration(id, { callback_parameters: { callback_url: receiver.url } }),
      reject,
    ],
    ask: one(`/rejected_events/${REJECTED}/_retry`, 'POST'),
    made: `select outcome as made from attempt where tenant = $1 and outcome = 'delivered'`,
  },
  { name: 'create-job', marker: 'change_notification_job', ask: job, made: entries('job_%') },
  {
    ...ofJob,
    name: 'update-job',
    made: entries('job_updated'),
    ask: (id) => send(id, `${JOBS}/${id}`, 'PUT', { template_id: 'd-2' }),
  },
  {
    ...ofJob,
    name: 'delete-job',
    made: entries('job_deleted'),
    ask: (id) => send(id, `${JOBS}/${id}`, 'DELETE'),
  },
  {
    ...ofJob,
    name: 'run-job',
    marker: 'insert into notification_run',
    ask: (id) => send(id, `${JOBS}/${id}/_run`, 'POST'),
    made: 'select state as made from notification_run where tenant = $1',
  },
  {
    ...ofSender,
    name: 'set-sender',
    ask: sender('b@example.com'),
    made: `${entries('sender_changed')} and version = 2`,
  },
  {
    ...ofSender,
    name: 'remove-sender',
    made: entries('sender_removed'),
    ask: (id) => send(id, SENDER, 'DELETE'),
  },
  {
    name: 'create-key',
    marker: 'from create_key',
    ask: key,
    made: 'select name as made from api_key where name = $1',
  },
  {
    name: 'revoke-key',
    marker: 'from revoke_key',
    before: [key],
    ask: revoke,
    made: 'select name as made from api_key where name = $1 and revoked_at is not null',
  },
]

const shown = (id: string) => ({
  integration: `${EVENTSTREAM}/${id}`,
  job: `${JOBS}/${id}`,
  subscription: `${SUBSCRIPTIONS}/${id}`,
})

it.each(operations.flatMap((operation) => FATES.map((fate) => ({ ...operation, fate }))))(
  '$name is answered and made once: $fate',
  async ({ marker, before = [], ask, made, fate }) => {
    const id = `t-${randomUUID().slice(0, 8)}`
    for (const prepare of before) expect((await prepare(id)).status).toBeLessThan(300)
    const caught = wire.caught
    wire.catchNext(marker, fate)
    const reply = await ask(id)
    expect(wire.caught).toBe(caught + 1)
    if (fate === 'late') await wire.deliver()
    wire.comeUp()
    await until(
      'the database is back',
      async () => (await call(`${service.url}/readyz`)).status === 200,
    )

    expect(reply).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) })
    expect((await database.pool.query(made, [id])).rows).toHaveLength(1)
  },
)

it('answers with what is there afterwards', async () => {
  for (const fate of FATES) {
    const id = `t-${randomUUID().slice(0, 8)}`
    for (const [marker, ask, path] of [
      ['register_consumer', integration, shown(id).integration],
      ['register_consumer', deactivated, shown(id).subscription],
      ['change_notification_job', job, shown(id).job],
    ] as const) {
      wire.catchNext(marker, fate)
      const reply = await ask(id)
      if (fate === 'late') await wire.deliver()
      wire.comeUp()
      const isThere = async () => {
        const found = await call(service.url + path, {
          headers: { tenant: id, 'x-twc-tenant': id },
        })
        return found.status === 200 && found
      }
      expect((await until('it is found', isThere)).body).toMatchObject(reply.body)
    }
  }
})

it('shows a key that works', async () => {
  const id = `t-${randomUUID().slice(0, 8)}`
  wire.catchNext('from create_key', 'answer lost')
  const made = await key(id)
  expect(made).toMatchObject({ status: 201, body: { token: expect.stringMatching(/^mr_/) } })
  const { token } = made.body as { token: string }
  const headers = { tenant: id }
  expect(await call(service.url + EVENTSTREAM, { token, headers })).toMatchObject({ status: 200 })
})

it('refuses an id that another request has taken, however alike they are', async () => {
  const id = `t-${randomUUID().slice(0, 8)}`
  wire.catchNext('register_consumer', 'late')
  const [first, second] = await Promise.all([integration(id), integration(id)])
  await wire.deliver()
  expect([first.status, second.status].sort()).toEqual([200, 409])
  expect((await integration(id)).status).toBe(409)
})

it('says that a change may have taken effect, if the database stays away', async () => {
  const id = `t-${randomUUID().slice(0, 8)}`
  const caught = wire.caught
  wire.catchNext('register_consumer', 'answer lost')
  const asked = integration(id)
  await until('the change is on its way', () => wire.caught > caught)
  wire.goDown()
  const message = expect.stringMatching(/may have taken effect/)
  expect(await asked).toMatchObject({ status: 503, body: { message } })
  wire.comeUp()
  await until('it is registered', async () => (await one('', 'GET')(id)).status === 200)
})

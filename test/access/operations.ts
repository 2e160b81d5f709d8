// Requests for the table of operations and tokens, made from the routes of a service: a route that
// is added later is asked without a line here, as long as it describes its parameters.

import { randomUUID } from 'node:crypto'
import { request } from 'undici'
import { ADMIN_TOKEN, call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import {
  aCollectedEvent,
  aSubscription,
  collect,
  collector,
  EVENTS,
  SUBSCRIPTIONS,
} from '../../scripts/kit/collector.ts'
import { aJob, JOBS } from '../../scripts/kit/jobs.ts'
import type { Route } from '../../src/http/route.ts'
import type { TestDatabase } from '../helpers/database.ts'
import { makeKey } from './callers.ts'

/** Stands in all that the owner has, and in nothing that anybody sends. */
export const MARKER = 'only-for-the-owner'
export const OWNER = 'dodici'
const REJECTED = '0197e000-0000-7000-8000-000000000001'

export type Target = Record<
  'integration_id' | 'key_id' | 'event_id' | 'job_id' | 'eventId' | 'Id' | 'position' | 'number',
  string
>

const EVENT_TYPE = '/event-types/order.created'
const aRegistration = (description: string) => ({ schema: {}, on_violation: 'warn', description })

/** Gives the owner what the operations ask for, each with the marker. */
export async function furnish(url: string, database: TestDatabase): Promise<Target> {
  const integration = {
    id: 'erp-1',
    integration_type: 'permanent',
    callback_parameters: { callback_url: `http://127.0.0.1:9/${MARKER}` },
  }
  const reply = await call(url + EVENTSTREAM, { body: JSON.stringify(integration) })
  if (![200, 201, 409].includes(reply.status)) throw new Error(JSON.stringify(reply))
  await database.pool.query(
    `insert into rejected_event (
       tenant, consumer, id, event_position, name, entity_id, idempotency_key, payload, status,
       response
     ) select $1, consumer, $2, 17, 'order.created', $3, 'key', $4, 400, $3
     from unnest(array['erp-1', 'subscription:crm']) as consumer
     on conflict do nothing`,
    [OWNER, REJECTED, MARKER, JSON.stringify({ text: MARKER })],
  )
  const number = String(await furnishReplay(`${url}${EVENTSTREAM}/erp-1/replays`))
  const job = { ...aJob(), id: 'job-1', template_id: MARKER }
  await call(url + JOBS, { body: JSON.stringify(job) })
  // It may be there already, and be deleted.
  const body = JSON.stringify({ deleted: false })
  const kept = await call(`${url}${JOBS}/job-1`, { method: 'PUT', body })
  if (kept.status !== 200) throw new Error(JSON.stringify(kept))
  const registered = await call(url + EVENT_TYPE, {
    method: 'PUT',
    body: JSON.stringify(aRegistration(MARKER)),
  })
  if (registered.status !== 200) throw new Error(JSON.stringify(registered))
  await collect(url, aCollectedEvent({ entity_id: MARKER, id: 'collected-1' }))
  const queueUrl = `http://127.0.0.1:9/0/${MARKER}`
  const destination = { sqs: { ...aSubscription().destination.sqs, queueUrl }, type: 'SQS' }
  const subscription = aSubscription({ active: false, destination })
  const subscribed = await collector(url + SUBSCRIPTIONS, 'POST', subscription)
  if (![201, 400].includes(subscribed.status)) throw new Error(JSON.stringify(subscribed))
  const key = await makeKey(url, { name: MARKER, tenants: [OWNER] })
  const ids = { integration_id: 'erp-1', key_id: key.id, event_id: REJECTED, job_id: 'job-1' }
  const { rows } = await database.pool.query(
    'select position from event where tenant = $1 order by position limit 1',
    [OWNER],
  )
  const position = String(rows[0].position)
  return { ...ids, eventId: 'collected-1', Id: 'crm', number, position }
}

/** The number of a replay of the owner's; a cancelled one will do. */
async function furnishReplay(url: string): Promise<number> {
  const { body } = await call<{ replays: { number: number }[] }>(url)
  const [newest] = body.replays
  if (newest) return newest.number
  const filter_conditions = { event_filter: [`${MARKER}.created`] }
  const replay = JSON.stringify({ ...aReplay(), filter_conditions })
  return (await call<{ number: number }>(url, { body: replay })).body.number
}

const aReplay = () => ({ from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' })

const bodies: Record<string, () => object> = {
  registerIntegration: () => ({
    id: `erp-${randomUUID()}`,
    integration_type: 'permanent',
    callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
  }),
  startReplay: aReplay,
  startSubscriptionReplay: aReplay,
  createJob: () => ({ ...aJob(), id: `job-${randomUUID()}` }),
  testJob: () => ({ email: 'ada@example.com' }),
  setNotificationSender: () => ({
    api_key: 'SG.key',
    from_email: 'shop@example.com',
    url: 'http://127.0.0.1:9',
  }),
  createEvent: () => aCollectedEvent(),
  createEventSubscription: () => aSubscription({ id: randomUUID(), active: false }),
  updateEventSubscription: () => aSubscription(),
  skipIntegrationEvent: () => ({ position: 17, reason: 'poison' }),
  skipSubscriptionEvent: () => ({ position: 17, reason: 'poison' }),
  resendIntegrationEvent: () => ({ position: 17 }),
  resendSubscriptionEvent: () => ({ position: 17 }),
  createApiKey: () => ({ name: 'made', scopes: ['read'] }),
  registerEventType: () => aRegistration('changed'),
}

export type Answer = { status: number; text: string }

/** One request for a route; for the owner where `tenant` is not said to be another. */
export async function ask(
  url: string,
  route: Route,
  target: Target,
  { token, tenant = OWNER }: { token: string | null; tenant?: string | null },
): Promise<Answer> {
  const { parameters = [], operationId } = route
  const headers: Record<string, string> = {}
  const query = new URLSearchParams()
  const event_name = route.method === 'get' ? target.position : 'order.created'
  const known: Record<string, string> = { event_name, ...target }
  const fill = (name: string, example?: string | string[]) =>
    known[name] ?? example?.toString() ?? randomUUID()
  for (const { in: part, name, required, example } of parameters) {
    if (part === 'header' && required) headers[name] = example?.toString() ?? 'x'
    if (part === 'query' && required) query.set(name, fill(name, example))
  }
  delete headers['tenant']
  if (headers['idempotency-key']) headers['idempotency-key'] = randomUUID()
  const path = route.path.replace(/:(\w+)/g, (_, name) => {
    return fill(name, parameters.find((parameter) => parameter.name === name)?.example)
  })
  const hasBody = route.method !== 'get' && route.body !== undefined
  const answer = await request(`${url}${path}?${query}`, {
    method: route.method.toUpperCase() as 'GET',
    headers: {
      ...headers,
      ...(route.bodyType ? { 'content-type': route.bodyType } : {}),
      ...(tenant === null ? {} : { tenant }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(hasBody ? { body: JSON.stringify(bodies[operationId]?.() ?? {}) } : {}),
  })
  // A stream of events never ends: its first piece has to do.
  const isStream = String(answer.headers['content-type']).startsWith('text/event-stream')
  let text = ''
  for await (const piece of answer.body) {
    text += piece
    if (isStream) break
  }
  return { status: answer.statusCode, text }
}

/** What the owner has, as the operator sees it. */
export async function belongings(url: string): Promise<unknown[]> {
  const paths = [
    EVENTSTREAM,
    '/api/v1/api-keys',
    `${EVENTSTREAM}/erp-1/rejected_events`,
    `${EVENTSTREAM}/erp-1/replays`,
    JOBS,
    SUBSCRIPTIONS,
    `${SUBSCRIPTIONS}/crm/rejected_events`,
    `${EVENTS}/collected-1`,
    EVENT_TYPE,
  ]
  const replies = await Promise.all(paths.map((path) => call(url + path, { token: ADMIN_TOKEN })))
  // Health is a matter of time.
  const steady = (body: unknown) =>
    JSON.parse(JSON.stringify(body, (name, value) => (name === 'health' ? undefined : value)))
  return replies.map(({ status, body }) => [status, steady(body)])
}

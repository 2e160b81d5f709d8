// Random changes of the configuration as requests: registrations, patches, stops, starts, removals,
// replays, subscriptions, jobs, senders, event types and keys. There are few tenants and few ids,
// so that changes meet each other. Many are refused, on purpose, since they are not always
// possible.

import type { Chance } from '../kit/chance.ts'
import { EVENTSTREAM } from '../kit/client.ts'
import { aSubscription, SUBSCRIPTIONS } from '../kit/collector.ts'
import { aJob, JOBS } from '../kit/jobs.ts'

export const TENANTS = ['north', 'south', 'east', 'west'] as const
/** Registered at the start and never changed: its deliveries show whether delivery goes on. */
export const STEADY = 'steady'

export type Key = { id: string; token: string }
type Change = {
  method: string
  path: string
  body?: unknown
  headers: Record<string, string>
  token?: string
  /** Handles the answer to an accepted request. */
  taken?(answer: Record<string, unknown>): void
}

/**
 * The surroundings of the changes: `targetOf` is the URL at which a target receives; `keys` are the
 * created ones.
 */
type World = {
  chance: Chance
  keys: Key[]
  targetOf(tenant: string, id: string): string
}

type Move = (world: World, tenant: string) => Change

const NAMES = ['order.created', 'order.opened', 'customer.updated', 'invoice.created']
const SENDER = '/api/v1/notification-sender'
const API_KEYS = '/api/v1/api-keys'
const REPLAY_MS = 3_000

const idOf = ({ chance }: World, kind: string, most = 9) => `${kind}-${chance.whole(0, most)}`
const secretOf = ({ chance }: World) => `secret-${chance.uuid()}`
const of = (tenant: string) => ({ headers: { tenant } })
const ofCollector = (tenant: string) => ({ headers: { tenant: '', 'x-twc-tenant': tenant } })

function filterOf({ chance }: World) {
  const event_filter = chance.sample(NAMES, chance.whole(1, 3))
  return chance.happens(0.5) ? { filter_conditions: { event_filter } } : {}
}

function targetOf(world: World, tenant: string, id: string) {
  const callback_url = world.targetOf(tenant, id)
  return { callback_parameters: { callback_url, api_key: secretOf(world) } }
}

const register: Move = (world, tenant) => {
  const id = idOf(world, 'live')
  const body = { id, integration_type: 'permanent', ...targetOf(world, tenant, id) }
  return {
    method: 'POST',
    path: EVENTSTREAM,
    body: { ...body, ...filterOf(world) },
    ...of(tenant),
  }
}

/** Of the last seconds, to an end that may lie ahead. */
const replay: Move = (world, tenant) => {
  const id = idOf(world, 'replay', 1)
  const now = Date.now()
  const range = {
    starts_at: new Date(now - REPLAY_MS).toISOString(),
    ends_at: new Date(now + world.chance.whole(-REPLAY_MS + 1_000, 1_000)).toISOString(),
  }
  const body = { id, integration_type: 'temporary', ...targetOf(world, tenant, id), ...range }
  return { method: 'POST', path: EVENTSTREAM, body, ...of(tenant) }
}

const patch: Move = (world, tenant) => {
  const id = idOf(world, 'live')
  const change = world.chance.happens(0.5) ? targetOf(world, tenant, id) : {}
  const body = { ...change, filter_conditions: { entity_filter: ['order', 'customer'] } }
  return { method: 'PATCH', path: `${EVENTSTREAM}/${id}`, body, ...of(tenant) }
}

const act =
  (method: string, action: string): Move =>
  (world, tenant) => {
    const id = idOf(world, world.chance.happens(0.9) ? 'live' : 'replay')
    return { method, path: `${EVENTSTREAM}/${id}${action}`, ...of(tenant) }
  }

const subscription =
  (method: string): Move =>
  (world, tenant) => {
    const { chance } = world
    const body = aSubscription({
      id: idOf(world, 'crm', 5),
      // Nobody listens there: an active one fails, and is retried.
      active: chance.happens(0.3),
      entityType: chance.pick(['CUSTOMER', 'ORDER']),
    })
    return { method, path: SUBSCRIPTIONS, body, ...ofCollector(tenant) }
  }
const deactivate: Move = (world, tenant) => ({
  method: 'PUT',
  path: `${SUBSCRIPTIONS}/${idOf(world, 'crm', 5)}/deactivate`,
  ...ofCollector(tenant),
})
const deleteSubscription: Move = (world, tenant) => ({
  method: 'DELETE',
  path: `${SUBSCRIPTIONS}/${idOf(world, 'crm', 5)}`,
  ...ofCollector(tenant),
})

const createJob: Move = (world, tenant) => ({
  method: 'POST',
  path: JOBS,
  body: aJob({ id: idOf(world, 'job', 5), is_scheduled: world.chance.happens(0.7) }),
  ...of(tenant),
})
const changeJob: Move = (world, tenant) => {
  const { chance } = world
  const changes = [{ template_id: `d-${chance.uuid()}` }, { is_active: chance.happens(0.5) }]
  const more = chance.happens(0.3) ? { deleted: chance.happens(0.5) } : {}
  const body = { ...chance.pick(changes), ...more }
  return { method: 'PUT', path: `${JOBS}/${idOf(world, 'job', 5)}`, body, ...of(tenant) }
}
const deleteJob: Move = (world, tenant) => ({
  method: 'DELETE',
  path: `${JOBS}/${idOf(world, 'job', 5)}`,
  ...of(tenant),
})

const changeSender: Move = (world, tenant) => ({
  method: 'PUT',
  path: SENDER,
  body: { api_key: `SG.${world.chance.uuid()}`, from_email: 'shop@example.com' },
  ...of(tenant),
})
const removeSender: Move = (_, tenant) => ({ method: 'DELETE', path: SENDER, ...of(tenant) })

/** Of events that are not published here: the torture's own go on. */
const typeOf = ({ chance }: World) => `/event-types/gift.${chance.pick(['sold', 'used', 'lost'])}`
const registerType: Move = (world, tenant) => {
  const { chance } = world
  const schema = { required: chance.sample(['id', 'sku', 'value'], chance.whole(1, 3)) }
  const headers = chance.happens(0.3) ? { 'if-match': `"${chance.whole(1, 20)}"` } : {}
  return {
    method: 'PUT',
    path: typeOf(world),
    body: { schema, on_violation: chance.pick(['reject', 'warn']) },
    headers: { tenant, ...headers },
  }
}
const removeType: Move = (world, tenant) => ({
  method: 'DELETE',
  path: typeOf(world),
  ...of(tenant),
})

/** By the admin token, or by an earlier key, which may be revoked by now. */
const createKey: Move = (world, tenant) => {
  const { chance, keys } = world
  const others = chance.happens(0.3) ? chance.sample(TENANTS, 2) : []
  const tenants = chance.happens(0.1) ? ['*'] : [...new Set([tenant, ...others])]
  const maker = keys.length > 0 && chance.happens(0.4) ? chance.pick(keys) : undefined
  const expires_at = new Date(Date.now() + chance.whole(1, 60) * 60_000).toISOString()
  return {
    method: 'POST',
    path: API_KEYS,
    body: {
      name: `of ${tenant}`,
      tenants,
      scopes: [chance.pick(['admin', 'publish', 'read', 'configure'])],
      ...(chance.happens(0.3) ? { teams: ['a', 'b'], event_names: ['order.*'] } : {}),
      ...(chance.happens(0.3) ? { rate: chance.whole(1, 100), expires_at } : {}),
    },
    headers: { tenant: '' },
    ...(maker ? { token: maker.token } : {}),
    taken: ({ id, token }) => keys.push({ id: String(id), token: String(token) }),
  }
}
const revokeKey: Move = ({ chance, keys }) => {
  const id = keys.length > 0 ? chance.pick(keys).id : '0'.repeat(12)
  return { method: 'DELETE', path: `${API_KEYS}/${id}`, headers: { tenant: '' } }
}

/** The more often a move is listed, the more often it is made. */
const moves: Move[] = [
  ...[register, register, register, replay, patch, patch, patch],
  ...[act('POST', '/_stop'), act('POST', '/_stop'), act('POST', '/_start'), act('POST', '/_start')],
  ...[act('DELETE', ''), act('DELETE', '/rejected_events'), act('POST', '/_rotate_signing_secret')],
  ...[subscription('POST'), subscription('PUT'), subscription('PUT'), deactivate],
  ...[deleteSubscription],
  ...[createJob, changeJob, changeJob, deleteJob, changeSender, removeSender],
  ...[registerType, registerType, removeType],
  ...[createKey, createKey, revokeKey],
]

/** The next change. */
export function nextChange(world: World): Change {
  return world.chance.pick(moves)(world, world.chance.pick(TENANTS))
}

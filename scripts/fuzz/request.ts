// A request of one operation: valid, or with one thing wrong. A function of the seed, the request's
// number, and the ids in answers so far.

import { type Chance, createChance } from '../kit/chance.ts'
import type { Operation } from '../kit/document.ts'
import { complete } from './complete.ts'
import { bytesOf, inHeader, type Request } from './message.ts'
import { mutate } from './mutate-request.ts'
import { WAITING_REPLAYS } from './people.ts'
import { type Caller, callerOf, type Tenant } from './tenant.ts'
import { draw, type World } from './values.ts'

/** The share of requests with a body, beyond their share of the operations. */
const WITH_BODY = 0.35

export type Block = {
  tenants: Tenant[]
  secret: string
  listenerPort: number
  seed: number
  /** Operations that have hardly ever succeeded so far. */
  rare: Operation[]
}

/** The share of requests for the rare operations, beyond their own. */
const RARE = 0.15

/** The chance of one request: its draws do not depend on those of others. */
export const chanceOf = (seed: number, serial: number): Chance =>
  createChance(Math.imul(seed, 0x9e3779b1) ^ Math.imul(serial, 0x85ebca6b))

/** Request number `serial`, for one of the operations. */
export function requestOf(operations: Operation[], serial: number, block: Block): Request {
  const chance = chanceOf(block.seed, serial)
  // In a body more can be wrong than elsewhere.
  const withBody = operations.filter(({ body }) => body)
  const { rare } = block
  const some = chance.happens(WITH_BODY) ? withBody : operations
  const operation = chance.pick(rare.length > 0 && chance.happens(RARE) ? rare : some)
  const tenant = chance.pick(block.tenants)
  const others = block.tenants.filter((one) => one !== tenant)
  const { scope } = operation
  const caller = callerOf({ scope, tenant, others, serial }, { chance, secret: block.secret })
  const { listenerPort } = block
  const { name: marker, keys, ids: ownIds } = tenant
  const world: World = { chance, marker, listenerPort, ids: ownIds, key: keys.whole }
  const isForeign = operation.path.includes('{') && chance.happens(0.08)
  const owner = isForeign ? chance.pick(others) : tenant
  const found = fillPath(operation, idsFor(operation, owner, chance), world)
  const request: Request = {
    serial,
    operation,
    caller,
    tenant,
    method: operation.method,
    what: '',
    target: found.path + queryOf(operation, world),
    headers: headersOf(operation, caller, world),
    body: undefined,
    isForeign: isForeign && found.isKnown,
  }
  const value =
    operation.body && complete(operation.id, draw(operation.body.schema, '', world), world)
  request.body = value === undefined ? undefined : bytesOf(operation, value)
  if (chance.happens(0.6)) mutate(request, value, chance)
  return request
}

/** Ids that fit together: of an integration that can be updated, of a rejected event's owner. */
function idsFor({ id, path }: Operation, tenant: Tenant, chance: Chance): Tenant['ids'] {
  const { ids, stopped } = tenant
  if (chance.happens(0.3)) return ids
  // Its path shares its parameter with publishing, where it is a name.
  if (id === 'getLoggedEvent') return new Map([['event_name', ids.get('position') ?? []]])
  if (id === 'updateIntegration' || id === 'skipIntegrationEvent') {
    return new Map([...ids, ['integration_id', [stopped]]])
  }
  if (path.endsWith('/replays/{number}')) {
    const isSubscription = path.includes('{Id}')
    const number = String(chance.whole(1, isSubscription ? 2 : WAITING_REPLAYS))
    return new Map([...ids, ['integration_id', [stopped]], ['number', [number]]])
  }
  const isOwned = ({ parameter }: { parameter: string }) => path.includes(`{${parameter}}`)
  const pairs = path.includes('{event_id}') ? tenant.rejected.filter(isOwned) : []
  if (pairs.length === 0) return ids
  const { parameter, owner, event } = chance.pick(pairs)
  return new Map([
    [parameter, [owner]],
    ['event_id', [event]],
  ])
}

function fillPath({ path, parameters }: Operation, ids: Tenant['ids'], world: World) {
  const { chance } = world
  let isKnown = false
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const known = ids.get(name) ?? []
    if (known.length > 0 && chance.happens(0.9)) {
      isKnown = true
      return encodeURIComponent(chance.pick(known))
    }
    const parameter = parameters.find((one) => one.name === name)
    return encodeURIComponent(String(draw(parameter?.schema ?? {}, name, world)))
  })
  return { path: filled, isKnown }
}

function queryOf({ parameters }: Operation, world: World): string {
  const query = parameters
    .filter(({ in: part, required }) => part === 'query' && (required || world.chance.happens(0.5)))
    .map(({ name, schema }) => `${name}=${encodeURIComponent(String(draw(schema, name, world)))}`)
  return query.length > 0 ? `?${query.join('&')}` : ''
}

function headersOf(operation: Operation, caller: Caller, world: World): Request['headers'] {
  const { chance, marker } = world
  const headers: Request['headers'] = [['host', 'fuzz.test']]
  if (caller.authorization !== undefined) headers.push(['authorization', caller.authorization])
  for (const { in: part, name, required, schema } of operation.parameters) {
    if (part !== 'header') continue
    // A token of several tenants, or another's, does not name the intended one.
    const isOptional = !required && (name !== 'tenant' || caller.tenants.join() === marker)
    if (isOptional && chance.happens(name === 'tenant' ? 0.2 : 0.8)) continue
    if (name === 'tenant' && !required && chance.happens(0.2)) {
      headers.push(['x-twc-tenant', marker])
    } else if (name === 'tenant') headers.push([name, marker])
    else headers.push([name, inHeader(String(draw(schema, name, world)))])
  }
  if (operation.body) headers.push(['content-type', operation.body.type])
  return headers
}

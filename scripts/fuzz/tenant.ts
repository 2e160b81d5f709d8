// The tenants of a block of requests, and their callers. Each block has new ones, so that no quota
// of a tenant ends the run; their names are markers that no other tenant may see.

import { createHmac } from 'node:crypto'
import type { Chance } from '../kit/chance.ts'

export type Key = { id: string; token: string }

export type Tenant = {
  /** Part of every id and text that is made for it. */
  name: string
  /** Known ids, by the path parameter that takes them. */
  ids: Map<string, string[]>
  /** Allows everything for this tenant, for itself alone, or no more. */
  keys: { whole: Key; narrow: Key; revoked: Key }
  /** A permanent integration that is stopped, unless a request has started or deleted it. */
  stopped: string
  /** The newest rejected events: each with the path parameter and the id of its owner. */
  rejected: { parameter: string; owner: string; event: string }[]
}

export type Caller = {
  kind: string
  /** The authorization header; undefined: none. */
  authorization: string | undefined
  /** The tenants that the token is for. */
  tenants: string[]
  /** Whether the operation may accept it. If not, no answer may be a success. */
  mayPass: boolean
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A JWT (HS256) that lives for `seconds`. */
export function signJwt(claims: object, secret: string, seconds = 600): string {
  const exp = Math.floor(Date.now() / 1_000) + seconds
  const signed = `${encode({ alg: 'HS256' })}.${encode({ exp, ...claims })}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/** Scopes that do not imply one. `any` is implied by each. */
const narrower: Record<string, string> = {
  any: '',
  publish: 'read configure',
  read: 'publish',
  configure: 'read publish',
  admin: 'configure read publish',
}

/** The subject of the tokens of one request, and so the actor of what it changes. */
export const subjectOf = (serial: number): string => `fuzz-${serial}`

/** A caller of an operation of `scope` in the name of `tenant`. */
export function callerOf(
  { scope, tenant, others, serial }: CallerOptions,
  { chance, secret }: { chance: Chance; secret: string },
): Caller {
  const own = {
    tenant: tenant.name,
    scope: scope === 'any' ? 'publish' : scope,
    sub: subjectOf(serial),
  }
  const bearer = (kind: string, token: string, tenants: string[], mayPass: boolean): Caller => ({
    kind,
    authorization: `Bearer ${token}`,
    tenants,
    mayPass,
  })
  const none: Caller = { kind: 'no token', authorization: undefined, tenants: [], mayPass: false }
  if (scope === undefined) return { ...none, mayPass: true }
  const right = () => bearer('right JWT', signJwt(own, secret), [tenant.name], true)
  if (chance.happens(0.75)) return right()

  const other = chance.pick(others)
  const names = [tenant.name, other.name]
  const jwt = right().authorization?.slice('Bearer '.length) as string
  const refused = (kind: string, token: string) => bearer(kind, token, [], false)
  const ways: (() => Caller)[] = [
    () => none,
    () => bearer('whole key', tenant.keys.whole.token, [tenant.name], true),
    () => bearer('JWT of two tenants', signJwt({ ...own, tenant: names }, secret), names, true),
    () =>
      bearer("another's JWT", signJwt({ ...own, tenant: other.name }, secret), [other.name], false),
    () => bearer("another's key", other.keys.whole.token, [other.name], false),
    () => refused('narrow JWT', signJwt({ ...own, scope: narrower[scope] }, secret)),
    () => refused('expired JWT', signJwt(own, secret, -60)),
    () => refused('forged JWT', signJwt(own, `${secret}x`)),
    () => refused('JWT cut off', jwt.slice(0, chance.whole(1, jwt.length - 1))),
    () => refused('revoked key', tenant.keys.revoked.token),
    () => refused('key with another secret', `${tenant.keys.whole.token.slice(0, -1)}.`),
    () => refused('unsigned JWT', `${encode({ alg: 'none' })}.${encode({ ...own, exp: 9e9 })}.`),
  ]
  if (scope !== 'read' && scope !== 'any')
    ways.push(() => refused('narrow key', tenant.keys.narrow.token))
  return chance.pick(ways)()
}

type CallerOptions = {
  scope: string | undefined
  tenant: Tenant
  others: Tenant[]
  serial: number
}

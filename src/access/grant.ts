// The rights that a caller may grant to another: its own, and never more.

import { type Fault, fault } from '../errors.ts'
import { type Grant, type Identity, includesTenant, matches, SCOPES } from '../http/identity.ts'
import { EVERY_TENANT } from '../input/tenant.ts'

/**
 * The rights of a key, its rate (events a second; null: no limit), and when it expires (null:
 * never).
 */
export type Tenure = Grant & { rate: number | null; expiresAt: Date | null }

/** Whether a holder of `own` may see and revoke a key for these tenants. */
export function manages(own: string[], tenants: string[]): boolean {
  return own.includes(EVERY_TENANT) || tenants.every((tenant) => own.includes(tenant))
}

/** A fault for each field in which a grant exceeds its maker's. */
export function excessOf(maker: Identity, wanted: Tenure): Fault[] {
  const has = (own: string[] | null, list: string[] | null, takes = isSame) =>
    !own || list?.every((item) => own.some((mine) => takes(mine, item))) === true
  const within: [string, boolean][] = [
    ['tenants', wanted.tenants.every((tenant) => includesTenant(maker.tenants, tenant))],
    ['scopes', SCOPES.every((scope) => !wanted.scopes.includes(scope) || maker.may(scope))],
    ['teams', has(maker.teams, wanted.teams)],
    ['services', has(maker.services, wanted.services)],
    ['event_names', has(maker.eventNames, wanted.eventNames, matches)],
    ['rate', !maker.key?.rate || (wanted.rate !== null && wanted.rate <= maker.key.rate)],
    ['expires_at', !maker.expiresAt || endsBy(wanted.expiresAt, maker.expiresAt)],
  ]
  return within
    .filter(([, isWithin]) => !isWithin)
    .map(([field]) => fault(field, 'forbidden', 'goes beyond what this token has'))
}

const isSame = (mine: string, item: string) => mine === item

const endsBy = (end: Date | null, latest: Date) => end !== null && end <= latest

// What one caller may hand on to another: what it has itself, and never more.

import { type Fault, fault } from '../errors.ts'
import {
  EVERY_TENANT,
  type Grant,
  type Identity,
  includesTenant,
  matches,
  SCOPES,
} from '../http/identity.ts'

/** What a key allows, how fast (events a second; null: any) and how long (null: for ever). */
export type Tenure = Grant & { rate: number | null; expiresAt: Date | null }

/** Whether a key for these tenants is one that the holder of `own` may see and revoke. */
export function manages(own: string[], tenants: string[]): boolean {
  return own.includes(EVERY_TENANT) || tenants.every((tenant) => own.includes(tenant))
}

/** Where a grant goes beyond its maker's, a fault for each field. */
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

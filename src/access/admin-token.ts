// The operator's token: it may do everything, for every tenant.

import { timingSafeEqual } from 'node:crypto'
import { type Identity, identityOf } from '../http/identity.ts'
import { EVERY_TENANT } from '../input/tenant.ts'

const everything = { tenants: [EVERY_TENANT], scopes: ['admin'] }
const unbound = { teams: null, services: null, eventNames: null }
const administrator = identityOf('admin token', { ...everything, ...unbound }, null)

/** Recognises one token, in the same time for all tokens of a length. */
export function createAdminTokenCheck(adminToken: string): (token: string) => Identity | undefined {
  const expected = Buffer.from(adminToken)
  const given = Buffer.alloc(expected.length)
  return (token) => {
    // Cut or padded: both compared values always have the expected length.
    given.fill(0).write(token)
    const isSame = timingSafeEqual(given, expected) && Buffer.byteLength(token) === expected.length
    return isSame ? administrator : undefined
  }
}

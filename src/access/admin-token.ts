// The operator's token: may do everything, for every tenant.

import { hash, timingSafeEqual } from 'node:crypto'
import { EVERY_TENANT, type Identity, identityOf } from '../http/identity.ts'

const administrator = identityOf('admin token', {
  tenants: [EVERY_TENANT],
  scopes: ['admin'],
  teams: null,
  services: null,
  eventNames: null,
})

/** Recognises one token, in constant time: digests of equal length are compared, not the tokens. */
export function createAdminTokenCheck(adminToken: string): (token: string) => Identity | undefined {
  const expected = digest(adminToken)
  return (token) => (timingSafeEqual(digest(token), expected) ? administrator : undefined)
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

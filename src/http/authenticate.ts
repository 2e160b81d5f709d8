// Who calls, and whether it may: a bearer token (RFC 6750) becomes an identity, an identity is
// asked for a scope and a tenant. Every route declares its scope (http/route.ts); there is no other
// place where access is decided.

import type { IncomingMessage } from 'node:http'
import { MillraceError } from '../errors.ts'
import type { Authenticate, Identity, Scope } from './identity.ts'

const NO_TOKEN = 'A bearer token is needed: Authorization: Bearer <token>.'

/** Throws `unauthorized` where there is no token or an unknown one. */
export function identify(request: IncomingMessage, authenticate: Authenticate): Identity {
  const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? []
  if (!token) throw new MillraceError('unauthorized', NO_TOKEN)
  const identity = authenticate(token)
  if (!identity) throw new MillraceError('unauthorized', 'The bearer token is not known.')
  return identity
}

/** Throws `forbidden` where the caller may not do this for the tenant. */
export function requireScope(identity: Identity, tenant: string, scope: Scope): void {
  if (identity.mayActFor(tenant, scope)) return
  throw new MillraceError('forbidden', `This token may not ${scope} for the tenant ${tenant}.`)
}

// Authorization: a bearer token (RFC 6750) becomes an identity, and the identity is checked for a
// scope and a tenant. Every route declares its scope (http/route.ts); access is decided nowhere
// else.

import type { IncomingMessage } from 'node:http'
import { MillraceError } from '../errors.ts'
import {
  type Authenticate,
  type Identity,
  type Publishing,
  refusalsOf,
  type Scope,
} from './identity.ts'

const NO_TOKEN = 'A bearer token is required: Authorization: Bearer <token>.'

/**
 * The caller, who has the scope for at least one tenant. Throws `unauthorized` if the token is
 * missing or unknown, `forbidden` if it lacks the scope. Returns a promise only if the token must
 * be looked up: publishing is hot.
 */
export function identify(
  request: IncomingMessage,
  scope: Scope,
  authenticate: Authenticate,
): Identity | Promise<Identity> {
  const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? []
  if (!token) throw new MillraceError('unauthorized', NO_TOKEN)
  const found = authenticate(token)
  return found instanceof Promise
    ? found.then((identity) => admit(identity, scope))
    : admit(found, scope)
}

function admit(identity: Identity | undefined, scope: Scope): Identity {
  if (!identity) {
    throw new MillraceError('unauthorized', 'The bearer token is unknown, or not valid any more.')
  }
  if (identity.may(scope)) return identity
  throw new MillraceError('forbidden', `This token does not have the scope ${scope}.`)
}

/** Throws `forbidden` if the caller lacks the scope for the tenant. */
export function requireScope(identity: Identity, tenant: string, scope: Scope): void {
  if (identity.mayActFor(tenant, scope)) return
  throw new MillraceError('forbidden', `This token may not ${scope} for the tenant ${tenant}.`)
}

/**
 * Throws `forbidden`, with a detail for each reason, if the caller may not publish this event.
 * `nameField`: where the request has the event's name.
 */
export function requirePublishing(
  identity: Identity,
  event: Publishing,
  nameField: 'event_name' | 'name' = 'event_name',
): void {
  const details = refusalsOf(identity, event, nameField)
  if (details.length === 0 && identity.may('publish')) return
  const message = details.map((detail) => detail.message).join('; ') || 'The scope is missing'
  throw new MillraceError('forbidden', `${message}.`, { details })
}

// A person who has signed in with OpenID Connect: the name in the logs, and the rights, both from
// the claims of the ID token. Roles are `millrace:configure` (a scope) and
// `millrace:tenant:dodici`; all others are somebody else's.

import { type Grant, SCOPES } from '../http/identity.ts'
import { EVERY_TENANT, isTenant } from '../input/tenant.ts'
import { shortLine } from '../input/text.ts'

const PREFIX = 'millrace:'
const TENANT = 'tenant:'
const NAME_LENGTH = 100
const SUBJECT_LENGTH = 255
/** As for a key: all of them must fit into the header of a request. */
const MOST_TENANTS = 100

export type Claims = { sub: string; [claim: string]: unknown }
export type Person = { actor: string; grant: Grant }

/**
 * The person of an ID token that was checked. Its own name may change, and may be anybody's: the
 * subject, which the issuer gives once, stands beside it.
 */
export function personOf(claims: Claims, rolesClaim: string): Person {
  const { sub, email, email_verified, preferred_username, name } = claims
  const names = [email_verified === false ? undefined : email, preferred_username, name]
  const subject = shortLine(sub, SUBJECT_LENGTH)
  const named = names.find((one): one is string => typeof one === 'string' && one.trim() !== '')
  const actor = named ? `person ${shortLine(named, NAME_LENGTH)} (${subject})` : `person ${subject}`
  return { actor, grant: grantOfRoles(claims[rolesClaim]) }
}

/** Whether the person may see anything at all. */
export function mayDoSomething({ grant: { tenants, scopes } }: Person): boolean {
  return tenants.length > 0 && scopes.length > 0
}

/** Roles as a list, or as one text with spaces between. */
function grantOfRoles(claim: unknown): Grant {
  const given = Array.isArray(claim) ? claim : typeof claim === 'string' ? claim.split(' ') : []
  const roles = given
    .filter((role): role is string => typeof role === 'string' && role.startsWith(PREFIX))
    .map((role) => role.slice(PREFIX.length))
  const tenants = roles
    .filter((role) => role.startsWith(TENANT))
    .map((role) => role.slice(TENANT.length))
    .filter((tenant) => tenant === EVERY_TENANT || isTenant(tenant))
  return {
    tenants: [...new Set(tenants)].slice(0, MOST_TENANTS),
    scopes: SCOPES.filter((scope) => roles.includes(scope)),
    teams: null,
    services: null,
    eventNames: null,
  }
}

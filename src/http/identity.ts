// The identity of a caller: its grant, and the checks that routes need. Routes declare scopes;
// identities come from src/access.

import { type Fault, fault } from '../errors.ts'
import { EVERY_TENANT } from '../input/tenant.ts'

/** The scopes of a token. `admin` implies all, `configure` implies `read`. */
export const SCOPES = ['publish', 'read', 'configure', 'admin'] as const

/** `public` needs no token, `any` one of whatever scope. */
export type Scope = 'public' | 'any' | (typeof SCOPES)[number]

/** The rights of a token. A null list allows any value. */
export type Grant = {
  /** `['*']` is every tenant. */
  tenants: string[]
  scopes: string[]
  /** These three restrict publishing. An event name may end in `*`. */
  teams: string[] | null
  services: string[] | null
  eventNames: string[] | null
}

/** The event properties that a grant is checked for. */
export type Publishing = { tenant: string; team: string; service: string; name: string }

export type Identity = Grant & {
  /** The caller's name in the config log and in the operator's log; never the token. */
  actor: string
  /** When the token ends; null: never. A key that it makes ends no later. */
  expiresAt: Date | null
  /**
   * The API key behind it, with its lineage: itself, its maker, the maker's maker, and so on. Null:
   * the admin token, or somebody else's JWT.
   */
  key: { rate: number | null; lineage: { id: string; rate: number | null }[] } | null
  /** Whether it has the scope for any tenant at all. */
  may(scope: Scope): boolean
  mayActFor(tenant: string, scope: Scope): boolean
}

/** Returns the identity of a token, at once if no look-up is needed; undefined: unknown. */
export type Authenticate = (token: string) => Identity | undefined | Promise<Identity | undefined>

const impliedBy: Record<Scope, string[]> = {
  public: [],
  any: [...SCOPES],
  publish: ['publish', 'admin'],
  read: ['read', 'configure', 'admin'],
  configure: ['configure', 'admin'],
  admin: ['admin'],
}

/** An identity with this grant. */
export function identityOf(
  actor: string,
  grant: Grant,
  expiresAt: Identity['expiresAt'],
  key: Identity['key'] = null,
): Identity {
  const { scopes, tenants } = grant
  const may = (scope: Scope) =>
    scope === 'public' || impliedBy[scope].some((granted) => scopes.includes(granted))
  return {
    ...grant,
    actor,
    expiresAt,
    key,
    may,
    mayActFor: (tenant, scope) => may(scope) && includesTenant(tenants, tenant),
  }
}

/** The only tenant of a token; undefined if it has none or several. */
export function onlyTenantOf({ tenants }: Grant): string | undefined {
  return tenants.length === 1 && tenants[0] !== EVERY_TENANT ? tenants[0] : undefined
}

/**
 * Why the grant does not allow the event, a fault for each reason. `nameField`: where the request
 * has the event's name.
 */
export function refusalsOf(
  grant: Grant,
  { tenant, team, service, name }: Publishing,
  nameField = 'event_name',
): Fault[] {
  const faults: Fault[] = []
  const refuse = (field: string, value: string) =>
    faults.push(fault(field, 'forbidden', `${JSON.stringify(value)} is not allowed for this token`))
  if (!includesTenant(grant.tenants, tenant)) refuse('tenant', tenant)
  if (grant.teams && !grant.teams.includes(team)) refuse('team', team)
  if (grant.services && !grant.services.includes(service)) refuse('service', service)
  if (grant.eventNames && !grant.eventNames.some((pattern) => matches(pattern, name))) {
    refuse(nameField, name)
  }
  return faults
}

/** Whether a list of tenants includes this one, or every one. */
export function includesTenant(tenants: string[], tenant: string): boolean {
  return tenants.includes(EVERY_TENANT) || tenants.includes(tenant)
}

/**
 * Whether a pattern (`order.created`, `order.*`, `*`) matches a name. For two patterns: whether the
 * first includes the second.
 */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}

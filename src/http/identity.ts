// Who calls and what they may do: a grant, and the questions that routes ask of it. Scopes are
// declared by routes; identities come from src/access.

import { type Fault, fault } from '../errors.ts'

/** What a token may be allowed. `admin` implies all, `configure` implies `read`. */
export const SCOPES = ['publish', 'read', 'configure', 'admin'] as const

/** `public` needs no token. */
export type Scope = 'public' | (typeof SCOPES)[number]

/** Stands for every tenant in a list of tenants. */
export const EVERY_TENANT = '*'

/** What a token allows. A list that is null allows any. */
export type Grant = {
  /** `['*']` is every tenant. */
  tenants: string[]
  scopes: string[]
  /** These three bind publishing. An event name may end in `*`. */
  teams: string[] | null
  services: string[] | null
  eventNames: string[] | null
}

/** What is asked of a grant before an event is published. */
export type Publishing = { tenant: string; team: string; service: string; name: string }

export type Identity = Grant & {
  /** How the config log and the operator's log name the caller; never the token. */
  actor: string
  /** When the token ends; null: never. A key that it makes ends no later. */
  expiresAt: Date | null
  /**
   * The API key behind it, with its lineage: itself, its maker, that one's, and so on. Null: the
   * admin token, or a JWT of somebody else's.
   */
  key: { rate: number | null; lineage: { id: string; rate: number | null }[] } | null
  /** Whether it may do this for any tenant at all. */
  may(scope: Scope): boolean
  mayActFor(tenant: string, scope: Scope): boolean
}

/** The identity behind a token, at once where no question is asked of others; undefined: nobody. */
export type Authenticate = (token: string) => Identity | undefined | Promise<Identity | undefined>

const impliedBy: Record<Scope, string[]> = {
  public: [],
  publish: ['publish', 'admin'],
  read: ['read', 'configure', 'admin'],
  configure: ['configure', 'admin'],
  admin: ['admin'],
}

/** An identity that may do what the grant says. */
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

/** The tenant that a token is bound to; undefined where it is bound to none, or to several. */
export function onlyTenantOf({ tenants }: Grant): string | undefined {
  return tenants.length === 1 && tenants[0] !== EVERY_TENANT ? tenants[0] : undefined
}

/** Why the grant does not allow the event to be published, a fault for each reason. */
export function refusalsOf(grant: Grant, { tenant, team, service, name }: Publishing): Fault[] {
  const faults: Fault[] = []
  const refuse = (field: string, value: string) =>
    faults.push(fault(field, 'forbidden', `${JSON.stringify(value)} is not allowed for this token`))
  if (!includesTenant(grant.tenants, tenant)) refuse('tenant', tenant)
  if (grant.teams && !grant.teams.includes(team)) refuse('team', team)
  if (grant.services && !grant.services.includes(service)) refuse('service', service)
  if (grant.eventNames && !grant.eventNames.some((pattern) => matches(pattern, name))) {
    refuse('event_name', name)
  }
  return faults
}

/** Whether a list of tenants has this one, or every one. */
export function includesTenant(tenants: string[], tenant: string): boolean {
  return tenants.includes(EVERY_TENANT) || tenants.includes(tenant)
}

/**
 * Whether a pattern (`order.created`, `order.*`, `*`) takes a name. Of two patterns it tells
 * whether the first takes all that the second does.
 */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}

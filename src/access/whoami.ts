// GET /whoami: the scopes and tenants of the caller's token. A client asks first, so that it offers
// only what the token may do.

import { sql } from 'kysely'
import { Type } from 'typebox'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { MillraceError } from '../errors.ts'
import { SCOPES } from '../http/identity.ts'
import type { Route } from '../http/route.ts'
import { namedTenant, tenantHeader } from '../http/tenant.ts'
import { EVERY_TENANT } from '../input/tenant.ts'
import { Actor, errors } from './schemas.ts'

const Caller = Type.Object(
  {
    actor: Actor,
    scopes: Type.Array(Type.Enum([...SCOPES]), {
      description: 'With those that they imply: `configure` implies `read`.',
      maxItems: SCOPES.length,
    }),
    tenants: Type.Array(Type.String(), {
      description:
        'The tenants of the token. If it is for every tenant: those with events or a ' +
        `configuration, by name, at most ${limits.pageLength}.`,
    }),
    is_for_every_tenant: Type.Boolean(),
    expires_at: Type.Optional(Type.String({ format: 'date-time' })),
  },
  {
    title: 'Caller',
    examples: [
      {
        actor: 'API key 0c9be2f17a35 (ops)',
        scopes: ['read', 'configure'],
        tenants: ['dodici'],
        is_for_every_tenant: false,
      },
    ],
  },
)

/** The route of the caller. */
export function whoamiRoute(db: Db): Route {
  return {
    method: 'get',
    path: '/whoami',
    scope: 'any',
    family: 'configuration',
    tag: 'Access',
    operationId: 'getCaller',
    summary: 'The caller: its scopes and its tenants.',
    parameters: [tenantHeader],
    responses: { 200: { description: 'The caller.', schema: Caller }, ...errors },
    async handle(context) {
      const { identity } = context.state
      const named = namedTenant(context)
      if (named !== undefined && !identity.mayActFor(named, 'any')) {
        throw new MillraceError('forbidden', `This token is not for the tenant ${named}.`)
      }
      const isForEvery = identity.tenants.includes(EVERY_TENANT)
      context.set('cache-control', 'no-store')
      context.body = {
        actor: identity.actor,
        scopes: SCOPES.filter((scope) => identity.may(scope)),
        tenants: isForEvery ? await knownTenants(db) : identity.tenants,
        is_for_every_tenant: isForEvery,
        ...(identity.expiresAt ? { expires_at: identity.expiresAt.toISOString() } : {}),
      }
    },
  }
}

/**
 * The tenants that have a configuration or keys, or names of events, by name. Each is one look at
 * an index, whatever the number of its rows.
 */
async function knownTenants(db: Db): Promise<string[]> {
  const { rows } = await sql<{ tenant: string }>`
    with recursive known (tenant) as (
      select least((select min(tenant) from config_log), (select min(tenant) from event_type))
      union all
      select least(
        (select min(tenant) from config_log where tenant > known.tenant),
        (select min(tenant) from event_type where tenant > known.tenant)
      )
      from known where known.tenant is not null
    )
    select tenant from known where tenant <> ${EVERY_TENANT}
    limit ${limits.pageLength}`.execute(db)
  return rows.map(({ tenant }) => tenant)
}

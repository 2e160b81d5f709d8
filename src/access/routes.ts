// /api/v1/api-keys: create, list, get and revoke API keys. A caller sees and creates keys of its
// own tenants, or of the one in the tenant header.

import type { Static } from 'typebox'
import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { type Fault, fault, invalid, MillraceError } from '../errors.ts'
import { requireScope } from '../http/authorize.ts'
import { readJson } from '../http/body.ts'
import type { Identity } from '../http/identity.ts'
import { cutPage, pageOf, pageParameters, unknownPage } from '../http/page.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { namedTenant, tenantHeader } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { EVERY_TENANT } from '../input/tenant.ts'
import { type ApiKey, createKey, findKey, listKeys, revokeKey, statusOf } from './api-key.ts'
import { excessOf, manages, type Tenure } from './grant.ts'
import { KEY_CACHE_MS, type KeyCache } from './key-cache.ts'
import { CreatedKey, errors, idParameter, Key, KeyList, NewKey, notFound } from './schemas.ts'

const BASE = '/api/v1/api-keys'
/** The routes of API keys. */
export function keyRoutes(services: {
  db: Db
  keys: KeyCache
  rateLimit: RateLimit
  clock: Clock
}): Route[] {
  const { db, keys, rateLimit, clock } = services
  const check = compile(NewKey)
  const common = { scope: 'admin', family: 'configuration', tag: 'Access' } as const
  const view = (key: ApiKey) => presentKey(key, clock())

  return [
    {
      ...common,
      method: 'post',
      path: BASE,
      limited: 'changes',
      operationId: 'createApiKey',
      summary: 'Create an API key. Only this answer ever shows it.',
      description:
        'A key never allows more, or lasts longer, than the token that makes it. `tenants` is ' +
        'optional if the token is bound to tenants, or the tenant header names one.',
      parameters: [tenantHeader],
      body: NewKey,
      responses: {
        201: { description: 'The key was created.', schema: CreatedKey },
        ...errors,
      },
      async handle(context) {
        const { identity } = context.state
        const tenants = tenantsOf(context)
        if (identity.key?.lineage.length === limits.keyGenerations) throw lastGeneration()
        const body = check(await readJson(context, limits.configurationBytes))
        const faults = faultsOf(body, tenants, clock())
        if (faults.length > 0) throw invalid(faults)
        const wanted = tenureOf(check({ ...ownOf(identity, tenants), ...body }))
        const excess = excessOf({ ...identity, tenants }, wanted)
        if (excess.length > 0) throw forbidden(excess)
        rateLimit.change(context, wanted.tenants)

        const { actor } = identity
        const made = await createKey(db, { name: body.name, tenure: wanted, actor })
        context.status = 201
        context.set('cache-control', 'no-store')
        context.body = { ...view(made.key), token: made.token }
      },
    },
    {
      ...common,
      method: 'get',
      path: BASE,
      operationId: 'listApiKeys',
      summary: 'List the API keys, newest first, expired and revoked ones included.',
      parameters: [tenantHeader, ...pageParameters(limits.pageLength)],
      responses: {
        200: { description: 'A page of them.', schema: KeyList },
        ...errors,
      },
      async handle(context) {
        const page = pageOf(context, limits.pageLength)
        const after = page.after === undefined ? undefined : await find(context, page.after)
        if (page.after !== undefined && !after) throw unknownPage()
        const found = await listKeys(db, tenantsOf(context), { after, most: page.limit + 1 })
        const { rows, next } = cutPage(found, page, ({ id }) => id)
        context.body = { api_keys: rows.map(view), ...(next ? { next } : {}) }
      },
    },
    {
      ...common,
      method: 'get',
      path: `${BASE}/:key_id`,
      operationId: 'getApiKey',
      summary: 'Get an API key.',
      parameters: [tenantHeader, idParameter],
      responses: { 200: { description: 'The key.', schema: Key }, ...notFound, ...errors },
      async handle(context) {
        context.body = view(await require(context))
      },
    },
    {
      ...common,
      method: 'delete',
      path: `${BASE}/:key_id`,
      operationId: 'revokeApiKey',
      summary: 'Revoke an API key; it stays in the list, for the record.',
      description:
        'The process that answers refuses it at once, and every other within ' +
        `${KEY_CACHE_MS / 1000} seconds. That includes its tokens of /oauth2/token, the keys ` +
        'that it made, the keys that they made, and so on.',
      parameters: [tenantHeader, idParameter],
      responses: {
        200: { description: 'The key is revoked.', schema: Key },
        ...notFound,
        ...errors,
      },
      async handle(context) {
        const key = await require(context)
        const revoked = await revokeKey(db, key.id, context.state.identity.actor)
        for (const { id } of revoked) keys.forget(id)
        context.body = view(revoked.find(({ id }) => id === key.id) ?? key)
      },
    },
  ]

  async function require(context: RequestContext): Promise<ApiKey> {
    const id = context.params['key_id'] as string
    const key = await find(context, id)
    if (key) return key
    throw new MillraceError('not_found', `There is no API key ${JSON.stringify(id)}.`)
  }

  /** The key of this id, if the caller manages it. */
  async function find(context: RequestContext, id: string): Promise<ApiKey | undefined> {
    const key = await findKey(db, id)
    return key && manages(tenantsOf(context), key.tenants) ? key : undefined
  }
}

/** The tenants whose keys the caller manages here: its own, or the one in the header. */
function tenantsOf(context: RequestContext): string[] {
  const { identity } = context.state
  const named = namedTenant(context)
  if (named === undefined) return identity.tenants
  requireScope(identity, named, 'admin')
  return [named]
}

/** The defaults of a new key: the values of its maker. */
function ownOf({ teams, services, eventNames, key, expiresAt }: Identity, tenants: string[]) {
  return {
    tenants,
    ...(teams ? { teams } : {}),
    ...(services ? { services } : {}),
    ...(eventNames ? { event_names: eventNames } : {}),
    ...(key?.rate ? { rate: key.rate } : {}),
    ...(expiresAt ? { expires_at: expiresAt.toISOString() } : {}),
  }
}

function tenureOf(body: NewKey): Tenure {
  return {
    tenants: [...new Set(body.tenants)],
    scopes: [...new Set(body.scopes)],
    teams: body.teams ?? null,
    services: body.services ?? null,
    eventNames: body.event_names ?? null,
    rate: body.rate ?? null,
    expiresAt: body.expires_at ? new Date(body.expires_at) : null,
  }
}

/** The rules that the schema cannot express. */
function faultsOf(body: NewKey, tenants: string[], now: number): Fault[] {
  const faults: Fault[] = []
  if (!body.tenants && tenants.includes(EVERY_TENANT)) {
    faults.push(fault('tenants', 'required', 'is missing: name the tenants, or * for every tenant'))
  }
  if (body.tenants?.includes(EVERY_TENANT) && body.tenants.length > 1) {
    faults.push(fault('tenants', 'invalid', 'has * and others: * is every tenant'))
  }
  if (body.expires_at && Date.parse(body.expires_at) <= now) {
    faults.push(fault('expires_at', 'in_the_past', 'must be in the future'))
  }
  return faults
}

function forbidden(details: Fault[]): MillraceError {
  const message = details.map((detail) => detail.message).join('; ')
  return new MillraceError('forbidden', `${message}.`, { details })
}

function lastGeneration(): MillraceError {
  const most = limits.keyGenerations
  const message = `Keys made by keys have at most ${most} generations: this is the last.`
  return new MillraceError('forbidden', message)
}

/** A key in answers: without its secret, and without the hash. */
function presentKey(key: ApiKey, now: number): Static<typeof Key> {
  const { id, name, tenants, scopes, teams, services, event_names, rate } = key
  return {
    id,
    name,
    status: statusOf(key, now),
    tenants,
    scopes: scopes as Static<typeof Key>['scopes'],
    ...(teams ? { teams } : {}),
    ...(services ? { services } : {}),
    ...(event_names ? { event_names } : {}),
    ...(rate ? { rate } : {}),
    created_at: key.created_at.toISOString(),
    created_by: key.created_by,
    ...(key.expires_at ? { expires_at: key.expires_at.toISOString() } : {}),
    ...(key.revoked_at ? { revoked_at: key.revoked_at.toISOString() } : {}),
    ...(key.revoked_by ? { revoked_by: key.revoked_by } : {}),
  }
}

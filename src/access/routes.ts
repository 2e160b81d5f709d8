// /api/v1/api-keys: create, list, get and revoke API keys. A caller sees and makes keys within its
// own tenants, or within the one that the tenant header names.

import { type Static, Type } from 'typebox'
import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { type Fault, fault, invalid, MillraceError } from '../errors.ts'
import { requireScope } from '../http/authenticate.ts'
import { readJson } from '../http/body.ts'
import { EVERY_TENANT, type Identity, SCOPES } from '../http/identity.ts'
import { cutPage, pageOf, pageParameters, unknownPage } from '../http/page.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { Parameter, RequestContext, Route } from '../http/route.ts'
import { namedTenant, tenantHeader } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { ONE_LINE } from '../text.ts'
import { type ApiKey, createKey, findKey, listKeys, revokeKey, statusOf } from './api-key.ts'
import { excessOf, manages, type Tenure } from './grant.ts'
import { KEY_CACHE_MS, type KeyCache } from './key-cache.ts'

const BASE = '/api/v1/api-keys'
const LIST_LENGTH = 100

const text = (pattern: string) =>
  Type.String({ minLength: 1, maxLength: limits.textLength, pattern })
const texts = (pattern: string, description: string) =>
  Type.Array(text(pattern), { minItems: 1, maxItems: LIST_LENGTH, description })

const keyFields = {
  name: text(ONE_LINE),
  scopes: Type.Array(Type.Enum([...SCOPES]), { minItems: 1, maxItems: SCOPES.length }),
  teams: Type.Optional(texts(ONE_LINE, 'The teams that it may publish for; without it any.')),
  services: Type.Optional(texts(ONE_LINE, 'The services that it may publish for; without it any.')),
  event_names: Type.Optional(
    texts('^[A-Za-z0-9_.-]*\\*?$', 'What it may publish: `order.created`, `order.*`; or any.'),
  ),
  rate: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.mostRate,
      description: 'The events a second that it may publish, on each process; without it any.',
    }),
  ),
  expires_at: Type.Optional(Type.String({ format: 'date-time' })),
}
const Time = Type.String({ format: 'date-time', readOnly: true })
/** What only answers have. A key may be made of what a GET has shown of another one. */
const given = {
  id: Type.String({
    readOnly: true,
    description: 'Public; also the client id of /oauth2/token.',
  }),
  status: Type.Enum(['active', 'expired', 'revoked'], { readOnly: true }),
  created_at: Time,
  created_by: Type.String({ readOnly: true }),
  revoked_at: Type.Optional(Time),
  revoked_by: Type.Optional(Type.String({ readOnly: true })),
}
const Tenants = texts('^(\\*|[A-Za-z0-9][A-Za-z0-9_-]{0,62})$', '`["*"]` is every tenant.')
const NewKey = Type.Object(
  { ...keyFields, tenants: Type.Optional(Tenants), ...Type.Partial(Type.Object(given)).properties },
  {
    additionalProperties: false,
    description:
      "What is left out is the caller's own. What a GET shows may be sent back, to make a key like " +
      'another: what is read only is ignored.',
  },
)
const shownFields = { ...keyFields, tenants: Tenants, ...given }
const Key = Type.Object(shownFields)
const CreatedKey = Type.Object({
  ...shownFields,
  token: Type.String({ description: 'The key. It is shown here and never again.' }),
})
type NewKey = Static<typeof NewKey>
const KeyList = Type.Object({
  api_keys: Type.Array(Key),
  next: Type.Optional(Type.String({ description: 'There is more: ask for it with `after`.' })),
})

const idParameter: Parameter = {
  in: 'path',
  name: 'key_id',
  description: 'The id of the key.',
  required: true,
  schema: Type.String({ pattern: '^[0-9a-f]{12}$' }),
  example: '0c9be2f17a35',
}
const errors = {
  400: { description: 'Bad request; the message names the field.' },
  401: { description: 'No token, or an unknown one.' },
  403: { description: 'The token may not do this.' },
  500: { description: 'Internal server error.' },
}
const notFound = { 404: { description: 'There is no such key within the tenants of the caller.' } }

/** The routes of API keys. */
export function keyRoutes(services: {
  db: Db
  keys: KeyCache
  rateLimit: RateLimit
  clock: Clock
}): Route[] {
  const { db, keys, rateLimit, clock } = services
  const check = compile(NewKey)
  const common = { scope: 'admin', family: 'configuration' } as const
  const view = (key: ApiKey) => present(key, clock())

  return [
    {
      ...common,
      method: 'post',
      path: BASE,
      limited: 'changes',
      operationId: 'createApiKey',
      summary: 'Create an API key. The answer shows it, and nothing else ever does.',
      description:
        'A key never allows more than the token that makes it, nor longer. `tenants` may be left out where the token ' +
        'is bound to tenants, or the tenant header names one.',
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
      summary: 'List the API keys, expired and revoked ones too, the newest first.',
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
        'It is refused at once by the process that answers, and by every other ' +
        `within ${KEY_CACHE_MS / 1000} seconds. So are the tokens of /oauth2/token that were given for it, and all keys ` +
        'that it made, and those made.',
      parameters: [tenantHeader, idParameter],
      responses: { 200: { description: 'It is revoked.', schema: Key }, ...notFound, ...errors },
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

/** The tenants whose keys the caller manages here: its own, or the one that the header names. */
function tenantsOf(context: RequestContext): string[] {
  const { identity } = context.state
  const named = namedTenant(context)
  if (named === undefined) return identity.tenants
  requireScope(identity, named, 'admin')
  return [named]
}

/** What a key has that its maker said nothing of: the maker's own. */
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

/** What the schema cannot say. */
function faultsOf(body: NewKey, tenants: string[], now: number): Fault[] {
  const faults: Fault[] = []
  if (!body.tenants && tenants.includes(EVERY_TENANT)) {
    faults.push(fault('tenants', 'required', 'is missing: name them, or * for every tenant'))
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

/** What a client sees of a key: neither the secret nor its hash. */
function present(key: ApiKey, now: number): Static<typeof Key> {
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

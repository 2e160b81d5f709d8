// API keys: `mr_<id>_<secret>`. The id is public and finds the row. The table holds only the
// SHA-256 of the secret. A fast hash is enough, since nobody can guess 32 random bytes: slow hashes
// are for passwords.

import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { limits } from '../config.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import { latestPosition } from '../db/skew.ts'
import type { Tables } from '../db/tables.ts'
import { untilKnown } from '../db/until-known.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { type Grant, type Identity, identityOf } from '../http/identity.ts'
import { EVERY_TENANT } from '../input/tenant.ts'
import type { Tenure } from './grant.ts'

const TOKEN = /^mr_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/

export type ApiKey = Selectable<Tables['api_key']>

/** An active key with its lineage: itself, its maker, the maker's maker, and so on. */
export type FoundKey = ApiKey & { lineage: { id: string; rate: number | null }[] }
type KeyStatus = 'active' | 'expired' | 'revoked'

/** The two parts of a caller's key: its id and its secret. */
export type KeyToken = { id: string; secret: string }

/** The parts of a token; undefined if it is not an API key's. */
export function parseToken(token: string): KeyToken | undefined {
  const [, id, secret] = TOKEN.exec(token) ?? []
  return id && secret ? { id, secret } : undefined
}

/** Whether the secret is the key's, in constant time. */
export function isSecretOf(key: ApiKey, secret: string): boolean {
  return timingSafeEqual(key.secret_sha256, sha256(secret))
}

/** The status of a key at the time `now` (ms). */
export function statusOf(key: ApiKey, now: number): KeyStatus {
  if (key.revoked_at) return 'revoked'
  return key.expires_at && key.expires_at.getTime() <= now ? 'expired' : 'active'
}

/**
 * The identity of a caller with a key. A token given for the key may restrict the grant and the end
 * further. create_key and revoke_key find the keys that it makes by this actor name.
 */
export function identityOfKey(key: FoundKey, token?: { grant: Grant; expiresAt: Date }): Identity {
  const { id, name, expires_at } = key
  const end = token && !(expires_at && expires_at < token.expiresAt) ? token.expiresAt : expires_at
  return identityOf(`API key ${id} (${name})`, token?.grant ?? grantOf(key), end, key)
}

/** The grant of a key. */
export function grantOf({ tenants, scopes, teams, services, event_names }: ApiKey): Grant {
  return { tenants, scopes, teams, services, eventNames: event_names }
}

/**
 * Stores a new key. Only this answer has the token. Throws a MillraceError if the maker's key has
 * ended meanwhile, if the new key would end in the past, or if a tenant has its maximum of keys.
 */
export async function createKey(
  db: Db,
  { name, tenure, actor }: { name: string; tenure: Tenure; actor: string },
): Promise<{ key: ApiKey; token: string }> {
  const id = randomBytes(6).toString('hex')
  const secret = randomBytes(32).toString('base64url')
  const { eventNames: event_names, expiresAt: expires_at, ...granted } = tenure
  const { tenants, scopes, teams, services, rate } = granted
  const secret_sha256 = sha256(secret)
  const { outcome, created_at } = await untilKnown(async () => {
    const result = await sql<{ outcome: 'created' | keyof typeof refusals; created_at: Date }>`
      select outcome, created_at from create_key(
        ${id}, ${name}, ${secret_sha256}, ${tenants}, ${scopes}, ${teams}, ${services},
        ${event_names}, ${rate}, ${actor}, ${expires_at}, ${limits.keysPerTenant},
        ${latestPosition()}
      )`.execute(db)
    return onlyRow(result)
  })
  if (outcome !== 'created') throw refusals[outcome]()
  const made = { id, name, secret_sha256, created_at, created_by: actor }
  const key = { ...made, ...granted, event_names, expires_at, revoked_at: null, revoked_by: null }
  return { key, token: `mr_${id}_${secret}` }
}

/** The refusals, by the names that create_key gives them. */
const refusals = {
  maker_ended: () =>
    new MillraceError('unauthorized', 'The key that the token comes from has ended.'),
  past: () => invalid([fault('expires_at', 'in_the_past', 'must be in the future')]),
  full: () => {
    const message = `A tenant has at most ${limits.keysPerTenant} active API keys.`
    return new MillraceError('too_many_keys', message)
  },
}

/** The key of this id, revoked or not. */
export async function findKey(db: Db, id: string): Promise<FoundKey | undefined> {
  const { rows } = await sql<FoundKey>`
    with recursive lineage as (
      select id, rate, created_by, 0 as generation from api_key where id = ${id}
      union all
      select maker.id, maker.rate, maker.created_by, lineage.generation + 1
      from lineage
      join api_key as maker
        on maker.id = substring(lineage.created_by from '^API key ([0-9a-f]{12}) \\(')
    )
    select
      api_key.*,
      (
        select jsonb_agg(jsonb_build_object('id', id, 'rate', rate) order by generation)
        from lineage
      ) as lineage
    from api_key
    where api_key.id = ${id}`.execute(db)
  const [key] = rows
  // A copy: the cache holds the buffer, and a slice would keep a 64 KiB slab of Node alive.
  return key && { ...key, secret_sha256: Buffer.alloc(32, key.secret_sha256) }
}

/**
 * At most `most` keys for only these tenants, revoked ones included, newest first; with `after`,
 * only older ones.
 */
export async function listKeys(
  db: Db,
  tenants: string[],
  { after, most }: { after: ApiKey | undefined; most: number },
): Promise<ApiKey[]> {
  return db
    .selectFrom('api_key')
    .selectAll()
    .$if(!tenants.includes(EVERY_TENANT), (query) =>
      // The condition with `&&` is redundant, but it can use the index.
      query.where(sql<boolean>`tenants && ${tenants}::text[] and tenants <@ ${tenants}::text[]`),
    )
    .$if(after !== undefined, (query) =>
      // The database compares: a Date has no microseconds.
      query.where(
        sql<boolean>`(created_at, id) < (
          select created_at, id from api_key where id = ${after?.id}
        )`,
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(most)
    .execute()
}

/**
 * Revokes a key, the keys that it made, those that they made, and so on. Returns all of them, as
 * they are afterwards.
 */
export async function revokeKey(db: Db, id: string, actor: string): Promise<ApiKey[]> {
  return untilKnown(async () => {
    const { rows } = await sql<ApiKey>`
      select * from revoke_key(${id}, ${actor}, ${latestPosition()})`.execute(db)
    return rows
  })
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

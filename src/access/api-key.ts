// API keys: `mr_<id>_<secret>`. The id is public and finds the row; of the secret the table holds
// the sha-256 only. 32 random bytes cannot be guessed, so a fast hash is enough: slow ones are for
// passwords.

import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { latestPosition } from '../db/skew.ts'
import type { Tables } from '../db/tables.ts'
import { untilKnown } from '../db/until-known.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { EVERY_TENANT, type Grant, type Identity, identityOf } from '../http/identity.ts'
import type { Tenure } from './grant.ts'

const TOKEN = /^mr_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/

export type ApiKey = Selectable<Tables['api_key']>

/** A key that may act, with its lineage: itself, its maker, that one's, and so on. */
export type FoundKey = ApiKey & { lineage: { id: string; rate: number | null }[] }
type KeyStatus = 'active' | 'expired' | 'revoked'

/** What a caller holds: the key's id and its secret. */
export type KeyToken = { id: string; secret: string }

/** The parts of a token; undefined where it is no API key's. */
export function parseToken(token: string): KeyToken | undefined {
  const [, id, secret] = TOKEN.exec(token) ?? []
  return id && secret ? { id, secret } : undefined
}

/** Whether the secret is the key's, in constant time. */
export function isSecretOf(key: ApiKey, secret: string): boolean {
  return timingSafeEqual(key.secret_sha256, sha256(secret))
}

/** What a key is at the time `now` (ms). */
export function statusOf(key: ApiKey, now: number): KeyStatus {
  if (key.revoked_at) return 'revoked'
  return key.expires_at && key.expires_at.getTime() <= now ? 'expired' : 'active'
}

/**
 * Who calls with a key, or with a token that was given for it, allows less and ends no later than
 * both. A key that it makes is found by this name of its maker (create_key, revoke_key).
 */
export function identityOfKey(key: FoundKey, token?: { grant: Grant; expiresAt: Date }): Identity {
  const { id, name, expires_at } = key
  const end = token && !(expires_at && expires_at < token.expiresAt) ? token.expiresAt : expires_at
  return identityOf(`API key ${id} (${name})`, token?.grant ?? grantOf(key), end, key)
}

/** What a key allows. */
export function grantOf({ tenants, scopes, teams, services, event_names }: ApiKey): Grant {
  return { tenants, scopes, teams, services, eventNames: event_names }
}

/**
 * Stores a new key. The token is in this answer and nowhere else. Throws a MillraceError if the key
 * that makes it has ended meanwhile, if it would end in the past, or if a tenant has its most.
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
    const { rows } = await sql<{ outcome: 'created' | keyof typeof refusals; created_at: Date }>`
      select outcome, created_at from create_key(
        ${id}, ${name}, ${secret_sha256}, ${tenants}, ${scopes}, ${teams}, ${services},
        ${event_names}, ${rate}, ${actor}, ${expires_at}, ${limits.keysPerTenant},
        ${latestPosition()}
      )`.execute(db)
    return rows[0] as (typeof rows)[number]
  })
  if (outcome !== 'created') throw refusals[outcome]()
  const made = { id, name, secret_sha256, created_at, created_by: actor }
  const key = { ...made, ...granted, event_names, expires_at, revoked_at: null, revoked_by: null }
  return { key, token: `mr_${id}_${secret}` }
}

/** What keeps a key from being made, by the name that create_key has for it. */
const refusals = {
  maker_ended: () => new MillraceError('unauthorized', 'The key behind the token has ended.'),
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
  // In memory of its own: the cache keeps it, and a part of Node's slab would keep all 64 KiB.
  return key && { ...key, secret_sha256: Buffer.alloc(32, key.secret_sha256) }
}

/**
 * At most `most` keys that are for none but these tenants, revoked ones too, the newest first, or
 * those older than `after`.
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
      // By `&&`, too: it finds them in the index.
      query.where(sql<boolean>`tenants && ${tenants}::text[] and tenants <@ ${tenants}::text[]`),
    )
    .$if(after !== undefined, (query) =>
      // Asked for again: a Date has no microseconds.
      query.where(
        sql<boolean>`(created_at, id) < (select created_at, id from api_key where id = ${after?.id})`,
      ),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(most)
    .execute()
}

/** Ends a key and all that it made, and those made. Returns all of them, as they are then. */
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

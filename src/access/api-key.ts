// API keys: `mr_<id>_<secret>`. The id is public and finds the row; of the secret the table holds
// the sha-256 only. 32 random bytes cannot be guessed, so a fast hash is enough: slow ones are for
// passwords.

import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import type { Tables } from '../db/tables.ts'
import { untilKnown } from '../db/until-known.ts'
import { EVERY_TENANT, type Grant, type Identity, identityOf } from '../http/identity.ts'

const TOKEN = /^mr_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/
/** The most keys that a list shows: those that are not revoked first, the newest first. */
const LIST_LENGTH = 1_000

export type ApiKey = Selectable<Tables['api_key']>
export type KeyStatus = 'active' | 'expired' | 'revoked'

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

/** Who calls with a key, or with a token that was given for it and allows less. */
export function identityOfKey(key: ApiKey, grant = grantOf(key)): Identity {
  return identityOf(`API key ${key.id} (${key.name})`, grant, key.expires_at)
}

/** What a key allows. */
export function grantOf({ tenants, scopes, teams, services, event_names }: ApiKey): Grant {
  return { tenants, scopes, teams, services, eventNames: event_names }
}

/** Stores a new key. The token is in this answer and nowhere else. */
export async function createKey(
  db: Db,
  key: { name: string; grant: Grant; expiresAt: Date | null; actor: string },
): Promise<{ key: ApiKey; token: string }> {
  const id = randomBytes(6).toString('hex')
  const secret = randomBytes(32).toString('base64url')
  const { eventNames, ...grant } = key.grant
  const row = {
    id,
    name: key.name,
    secret_sha256: sha256(secret),
    ...grant,
    event_names: eventNames,
    created_by: key.actor,
    expires_at: key.expiresAt,
  }
  const stored = await untilKnown(async () => {
    const insert = db
      .insertInto('api_key')
      .values(row)
      .onConflict((by) => by.doNothing())
    return (await insert.returningAll().executeTakeFirst()) ?? (await findKey(db, id))
  })
  if (!stored || !isSecretOf(stored, secret)) throw new Error(`There are two API keys ${id}.`)
  return { key: stored, token: `mr_${id}_${secret}` }
}

/** The key of this id, revoked or not. */
export async function findKey(db: Db, id: string): Promise<ApiKey | undefined> {
  return db.selectFrom('api_key').where('id', '=', id).selectAll().executeTakeFirst()
}

/** Keys that are for none but these tenants, revoked ones too. */
export async function listKeys(db: Db, tenants: string[]): Promise<ApiKey[]> {
  return db
    .selectFrom('api_key')
    .selectAll()
    .$if(!tenants.includes(EVERY_TENANT), (query) =>
      query.where('tenants', '<@', sql<string[]>`${tenants}::text[]`),
    )
    .orderBy(sql`revoked_at is not null`)
    .orderBy('created_at', 'desc')
    .limit(LIST_LENGTH)
    .execute()
}

/** Ends a key, and returns it. One that is revoked stays as it is; undefined: there is none. */
export async function revokeKey(db: Db, id: string, actor: string): Promise<ApiKey | undefined> {
  return untilKnown(async () => {
    const revoked = await db
      .updateTable('api_key')
      .set({ revoked_at: sql`clock_timestamp()`, revoked_by: actor })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .returningAll()
      .executeTakeFirst()
    return revoked ?? findKey(db, id)
  })
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

// The event that has an idempotency key.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'

/**
 * The position and the payload of the event with a key that is unique under the name `keyName`.
 * Undefined if the key is free.
 */
export async function findByKey(
  db: Db,
  { tenant, keyName, key }: { tenant: string; keyName: string; key: string },
): Promise<{ position: number; payload: string } | undefined> {
  const { rows } = await sql<{ position: number; payload: string }>`
    select original.position, original.payload::text as payload
    from (
      select max(position) as position
      from event_key
      where
        event_key_fingerprint(tenant, key_hash)
          = event_key_fingerprint(${tenant}, event_key_hash(${keyName}, ${key}))
        and tenant = ${tenant}
        and key_hash = event_key_hash(${keyName}, ${key})
    ) as latest
    -- A key may outlive its event.
    cross join lateral (
      select payload, position
      from event
      where event.tenant = ${tenant} and event.position = latest.position
      limit 1
    ) as original`.execute(db)
  return rows[0]
}

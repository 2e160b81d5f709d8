// Collected events in the log: appended with an idempotency key for all names, and found by that
// key.

import { sql } from 'kysely'
import type { Queryable } from '../db/pipe.ts'
import type { Db } from '../db/pool.ts'
import { appendThrough } from '../log/append.ts'
import type { Appended, NewEvent } from '../log/event.ts'

/**
 * Like appendEvents, with one idempotency key for all names (sql/functions/append_collected.sql).
 */
export function appendCollected(db: Queryable, events: NewEvent[]): Promise<Appended[]> {
  return appendThrough('append_collected', db, events)
}

/** The event as it was posted, to the byte; undefined if there is none with this id. */
export async function findCollected(
  db: Db,
  tenant: string,
  id: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ payload: string }>`
    select original.payload
    from (
      select max(position) as position
      from event_key
      where
        event_key_fingerprint(tenant, key_hash)
          = event_key_fingerprint(${tenant}, event_key_hash('collected', ${id}))
        and tenant = ${tenant}
        and key_hash = event_key_hash('collected', ${id})
    ) as latest
    -- A key may outlive its event.
    cross join lateral (
      select payload
      from event
      where event.tenant = ${tenant} and event.position = latest.position
      limit 1
    ) as original`.execute(db)
  return rows[0]?.payload
}

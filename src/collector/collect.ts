// Collected events in the log: appended with an idempotency key for all names, and found by that
// key.

import type { Queryable } from '../db/pipe.ts'
import type { Db } from '../db/pool.ts'
import { appendThrough } from '../log/append.ts'
import type { Appended, NewEvent } from '../log/event.ts'
import { findByKey } from '../log/find-by-key.ts'

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
  return (await findByKey(db, { tenant, keyName: 'collected', key: id }))?.payload
}

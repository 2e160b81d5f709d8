// Moves the ids of new events into the index that searches use, so that no append has to.

import type pg from 'pg'

/** Does nothing if another process is at it. */
export async function flushEventIds(pool: pg.Pool): Promise<void> {
  await pool.query('select flush_event_ids()')
}

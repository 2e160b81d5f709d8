// The position of a receipt or record for something done now. It uses the database's clock, bounded
// by ours: far ahead there is no partition, and a step that cannot be written means deliveries that
// are repeated.

import { type RawBuilder, sql } from 'kysely'
import { latestPosition } from '../log/position.ts'

/** Now, as a position. */
export function databaseNow(): RawBuilder<number> {
  return sql`least(position_of(clock_timestamp()), ${latestPosition()}::bigint)`
}

/** Sets the same bound for triggers, to the end of the transaction (alert_of_stream). */
export function boundTriggers(): RawBuilder<unknown> {
  return sql`set_config('millrace.latest_position', ${String(latestPosition())}, true)`
}

// When something was done, as the position of its receipt or record. By the database's clock, but
// at most by what ours allows: far ahead there is no partition, and a step of the cursor that
// cannot be written down is a delivery that is repeated.

import { type RawBuilder, sql } from 'kysely'
import { latestPosition } from '../log/position.ts'

/** Now, as a position. */
export function databaseNow(): RawBuilder<number> {
  return sql`least(position_of(clock_timestamp()), ${latestPosition()}::bigint)`
}

// Rejected events outlive the log, but outlive their consumer by at most the retention. Those of a
// completed or deleted consumer are then removed, with an entry in its log that names them.

import type pg from 'pg'
import { latestPosition } from '../log/position.ts'
import { forEach } from '../repeat.ts'

/**
 * Removes the rejected events of consumers that ended more than `retentionDays` ago. Returns how
 * many there were.
 */
export async function retireRejected(pool: pg.Pool, retentionDays: number): Promise<number> {
  const { rows } = await pool.query(orphaned, [new Date(), retentionDays])
  // One at a time: each waits for rows and takes the lane.
  const removed = await forEach(rows, async ({ tenant, consumer, ended_before }) => {
    const values = [tenant, consumer, ended_before, latestPosition()]
    const result = await pool.query('select retire_rejected($1, $2, $3, $4) as count', values)
    return result.rows[0].count as number
  })
  return removed.reduce((sum, count) => sum + count, 0)
}

// $1 now, $2 days. The earlier of the two clocks counts, as with partitions: if the other is ahead,
// its removals could not be undone.
const orphaned = `
  select distinct tenant, consumer,
    position_of(least(now(), $1::timestamptz) - $2::double precision * interval '1 day')
      as ended_before
  from rejected_event
  where not exists (
    select from consumer
    where consumer.tenant = rejected_event.tenant and consumer.id = rejected_event.consumer
  )
  order by tenant, consumer`

// Replays that are to end and whose worker died before it ended them; and the records of replays
// that ended long ago.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { finishReplay } from '../delivery/replay-end.ts'
import { forEach } from '../repeat.ts'

/** Ends the replays that are to end, as far as no worker holds them. Returns how many ended. */
export async function finishReplays(db: Db): Promise<number> {
  const { rows } = await sql<{ tenant: string; consumer: string; run: number }>`
    select tenant, consumer, number as run
    from replay
    where ended_position is null and ends_as is not null
    order by tenant, consumer, number`.execute(db)
  // One at a time: each takes the lane.
  const states = await forEach(rows, (job) => finishReplay(db, job))
  return states.filter((state) => state === 'cancelled' || state === 'failed').length
}

/**
 * Removes the records of replays that have no receipts any more: audits need their filters until
 * then. The newest of each consumer stays, so that its number is not used again. Returns how many.
 */
export async function retireReplays(db: Db): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from replay
    where ended_position < (
        -- The first day that is kept: a partition's name ends with its day.
        select position_of(
          min(to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD'))::timestamp
            at time zone 'UTC'
        )
        from pg_inherits
        where inhparent = 'receipt'::regclass
      )
      and exists (
        select from replay as newer
        where newer.tenant = replay.tenant and newer.consumer = replay.consumer
          and newer.number > replay.number
      )`.execute(db)
  return Number(numAffectedRows ?? 0)
}

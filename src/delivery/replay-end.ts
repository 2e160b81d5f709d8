// The ends of replays. A replay that has sent everything completes. One that is cancelled or has
// failed is marked first (ends_as); the worker that holds its cursor then sends nothing more. After
// that it is ended by this worker, by the request, or by a chore as often as the sweep.

import { sql } from 'kysely'
import type { AdvanceJob } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import { isGone } from '../db/presence.ts'
import { untilKnown } from '../db/until-known.ts'
import { latestPosition } from '../log/position.ts'

/**
 * Completes a replay at its end, and returns whether it did: then its cursor is gone, and a
 * temporary integration too. A replay that keeps rejected events stops, and completes when they are
 * gone (complete_waiting).
 */
export async function completeReplay(db: Db, job: AdvanceJob): Promise<boolean> {
  const { rows } = await sql<{ completed: boolean }>`
    select complete_replay(
      ${job.tenant}, ${job.consumer}, ${job.run}, ${latestPosition()}
    ) as completed`.execute(db)
  return rows[0]?.completed ?? false
}

/**
 * Marks a replay as failed: it alone ends, and the live stream of its consumer goes on. Returns
 * false if the run is no replay with a record: then its consumer must stop.
 */
export async function failReplay(db: Db, job: AdvanceJob, reason: string): Promise<boolean> {
  if (job.run === 0) return false
  // A resend finds the mark of the first sending, which is as good.
  const { rows } = await untilKnown(() =>
    sql`
      update replay
      set ends_as = coalesce(ends_as, 'failed'),
        ended_by = coalesce(ended_by, 'millrace'),
        end_reason = coalesce(end_reason, ${reason})
      where tenant = ${job.tenant} and consumer = ${job.consumer}
        and number = ${job.run}::integer and ended_position is null
      returning number`.execute(db),
  )
  return rows.length > 0
}

/**
 * Ends a replay that is to end, unless a worker still holds its cursor; a worker that is gone holds
 * nothing. Returns the state of the replay after that; null if there is none.
 */
export async function finishReplay(db: Db, job: AdvanceJob): Promise<string | null> {
  const { rows } = await untilKnown(async () => {
    await sql`
      update cursor
      set owner = null, lease_until = null
      where tenant = ${job.tenant} and consumer = ${job.consumer} and run = ${job.run}
        and ${sql.raw(isGone('owner'))}`.execute(db)
    return sql<{ state: string | null }>`
      select finish_replay(
        ${job.tenant}, ${job.consumer}, ${job.run}::integer, ${latestPosition()}
      ) as state`.execute(db)
  })
  return rows[0]?.state ?? null
}

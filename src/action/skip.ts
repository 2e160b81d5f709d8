// A skip: the event that holds up a stream is kept among the rejected ones, and the stream goes on.
// sql/functions/skip_event.sql decides, while no worker holds the lease. So this waits for a worker
// whose attempt is under way: the event may still be taken, and then it is not skipped.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { limits } from '../config.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import { latestPosition } from '../log/position.ts'
import type { Caller } from './note.ts'

/** The pauses between two looks at a lease. */
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 50

export type SkipResult = {
  /** See sql/functions/skip_event.sql. */
  outcome: 'skipped' | 'absent' | 'not_failing' | 'busy' | 'full'
  /** If another event holds up the stream: its position. */
  failingPosition?: number | null
  /** The rejected event; undefined if the answer of the database was lost. */
  rejectedId?: string
}

/**
 * Skips the event at `position`. Waits at most `waitMs` for a worker that may be sending it; after
 * that the outcome is `busy`.
 */
export async function skipEvent(
  db: Db,
  tenant: string,
  consumer: string,
  skip: Caller & { position: number; waitMs: number },
): Promise<SkipResult> {
  const deadline = performance.now() + skip.waitMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const result = await trySkip(db, tenant, consumer, skip)
    if (result.outcome !== 'busy' || performance.now() > deadline) return result
    await sleep(pauseMs)
  }
}

function trySkip(
  db: Db,
  tenant: string,
  consumer: string,
  { position, actor, reason }: Caller & { position: number },
): Promise<SkipResult> {
  return untilKnown(async (callId) => {
    // The call is looked up first: its second sending waits for the first one there.
    const result = await sql<{ skipped: SkipResult | null }>`
      with attempted as materialized (
        select change_of_attempt(${tenant}, ${consumer}, ${callId}) as position
      )
      select
        case when position is null then
          skip_event(
            ${tenant}, ${consumer}, ${position}, ${actor}, ${reason}, ${limits.rejectedEvents},
            ${latestPosition()}
          )
        end as skipped
      from attempted`.execute(db)
    return onlyRow(result).skipped ?? { outcome: 'skipped' }
  })
}

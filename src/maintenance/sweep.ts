// The sweep: each consumer that is behind gets a job, or a notification if a worker advances it.
// Delivery of every event depends on the sweep, not on wake-ups: it needs no notification, no job
// row and no memory of any other process. If notifications do not reach a turn, it ends when its
// time is over, and the sweep finds its consumer again.
//
// A memory saves work: the end of the log at the last sweep, and the consumers that were behind.
// Others can be behind only if something has come since. With 10,000 cursors and 38 days of log
// this costs Postgres 18 ms instead of 60, and 3 ms if nothing has come.

import type pg from 'pg'
import { onlyRow } from '../db/only-row.ts'
import { type Remembered, sweepStatement } from '../delivery/wake.ts'

const SWEEP_LOCK = 1296651861
/** How often every cursor is compared with the whole log, whatever is remembered. */
const FULL_SWEEP_MS = 20_000

/**
 * The end of the log. `isSettled`: no append was under way, so everything up to there is visible.
 * The lock is the lane's (next_position), held for this statement alone.
 */
const END_OF_LOG = `
  select
    pg_try_advisory_xact_lock_shared(1296651858, 0) as "isSettled",
    coalesce(pg_sequence_last_value('lane_position'), 0) as "end"`

type Log = { isSettled: boolean; end: number }
type Behind = { tenants: string[]; consumers: string[]; runs: number[] }
type Swept = Behind & { queued: number }

export type Sweep = {
  /** Resolves with how many consumers got a job; 0 also if another process is sweeping. */
  run(): Promise<number>
  /** The next run looks at everything: the database may have lost its last moments in a crash. */
  forget(): void
}

/** Makes the sweep of a process. */
export function createSweep(pool: pg.Pool): Sweep {
  /** Every consumer but those in `behind` has read the log up to here. */
  let settled: number | undefined
  let behind: Behind
  let nextFullAt = 0

  return {
    run,
    forget() {
      nextFullAt = 0
    },
  }

  async function run(): Promise<number> {
    const { isSettled, end } = onlyRow(await pool.query<Log>(END_OF_LOG))
    const now = performance.now()
    // A log that ends earlier than before was restored.
    const isFull = settled === undefined || settled > end || now >= nextFullAt
    const remembered = isFull ? undefined : { settled: settled as number, end, ...behind }
    const swept = await sweepAlone(pool, remembered)
    if (!swept) return 0
    if (isFull) nextFullAt = now + FULL_SWEEP_MS
    behind = swept
    if (isSettled) settled = end
    return swept.queued
  }
}

/** Undefined if another process is sweeping. */
async function sweepAlone(
  pool: pg.Pool,
  remembered: (Behind & Remembered) | undefined,
): Promise<Swept | undefined> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    // It reads whole tables, which the other statements of these sessions must not.
    const { rows } = await client.query(
      `/* prepared: begin_sweep */
      select pg_try_advisory_xact_lock($1) as mine, set_config('enable_seqscan', 'on', true)`,
      [SWEEP_LOCK],
    )
    const values = remembered && [remembered.tenants, remembered.consumers, remembered.runs]
    const result = rows[0].mine
      ? await client.query<Swept>(sweepStatement(remembered), values)
      : undefined
    await client.query('commit')
    return result?.rows[0]
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

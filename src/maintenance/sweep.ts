// The sweep: each consumer that is behind gets a job, or a notification if a worker advances it.
// Delivery of every event depends on the sweep, not on wake-ups: it needs no notification, no job
// row and no memory of any process. If notifications do not reach a run, it ends after its slice,
// and the sweep finds its consumer again.

import type pg from 'pg'
import { wakeAllBehind } from '../delivery/wake.ts'

const SWEEP_LOCK = 1296651861

/** Sweeps once, unless another process is sweeping. Returns how many consumers got a job. */
export async function sweep(pool: pg.Pool): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query('select pg_try_advisory_xact_lock($1) as mine', [
      SWEEP_LOCK,
    ])
    const result = rows[0].mine ? await client.query(wakeAllBehind) : undefined
    await client.query('commit')
    return result?.rows[0].queued ?? 0
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

// The sweep: what is behind gets a job, or is told where somebody advances it. This, and not the
// wake-ups, is why every event is delivered: it needs no notification that came, no job row and no
// memory of any process. A run that no notification reaches lets go after its slice, and is then
// found here too.

import type pg from 'pg'
import { wakeAllBehind } from '../delivery/wake.ts'

const SWEEP_LOCK = 1296651861

/** Sweeps once, unless another process is at it. Returns how many consumers were given a job. */
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

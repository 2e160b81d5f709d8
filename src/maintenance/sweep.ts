// The sweep: what is behind and that nobody advances gets a job. This, and not the wake-ups, is why
// every event is delivered: it needs no notification, no job row and no memory of any process.

import type pg from 'pg'
import { wakeSleepers } from '../delivery/wake.ts'

const SWEEP_LOCK = 1296651861

/** Sweeps once, unless another process is at it. Returns how many consumers were given a job. */
export async function sweep(pool: pg.Pool): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { rows } = await client.query('select pg_try_advisory_xact_lock($1) as mine', [
      SWEEP_LOCK,
    ])
    const result = rows[0].mine ? await client.query(wakeSleepers) : undefined
    await client.query('commit')
    return result?.rows[0].queued ?? 0
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

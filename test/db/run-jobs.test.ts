// The runner of jobs takes few more than it has slots for: what it has taken and not begun looks
// lost to the sweep.

import { expect, it } from 'vitest'
import { within } from '../../scripts/kit/until.ts'
import { runJobs } from '../../src/db/run-jobs.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const SLOTS = 100
const MOST_FETCHED = 64
const JOBS = 300

it('fetches few jobs that no slot is free for, and runs each once', async () => {
  await database.pool.query(
    `select graphile_worker.add_job('advance', json_build_object('tenant', number::text))
    from generate_series(1, $1::integer) as number`,
    [JOBS],
  )
  const begun: string[] = []
  const gate = Promise.withResolvers<void>()
  const runner = runJobs(database.pool, 'advance', {
    slots: SLOTS,
    logger: createLogger('silent'),
    async handle({ tenant }) {
      begun.push(tenant)
      await gate.promise
    },
  })
  try {
    expect(await within(10_000, () => begun.length === SLOTS)).toBe(true)
    const { rows } = await database.admin.pool.query(
      `select count(*)::integer as taken from graphile_worker._private_jobs
      where locked_at is not null`,
    )
    expect(rows[0].taken).toBeLessThanOrEqual(SLOTS + MOST_FETCHED)
    gate.resolve()
    expect(await within(10_000, () => begun.length === JOBS)).toBe(true)
    expect(new Set(begun).size).toBe(JOBS)
  } finally {
    gate.resolve()
    await runner.stop()
  }
})

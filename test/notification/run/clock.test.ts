// What was written while the clock was hours ahead holds no job up when it is right again.

import { randomUUID } from 'node:crypto'
import { beforeAll, expect, it } from 'vitest'
import { createJob } from '../../../src/notification/change.ts'
import { documentOf } from '../../../src/notification/job.ts'
import { takeJob } from '../../../src/notification/run/lease.ts'
import { useDatabase } from '../../helpers/database.ts'

const database = useDatabase()
const key = { tenant: 'dodici', jobId: 'drops' }
const take = async () => Boolean(await takeJob(database.kysely, key, randomUUID(), 60_000))

beforeAll(async () => {
  const schedule = { notification: 'PRICE_DROP' as const, schedule: '0 9 * * *', template_id: 't' }
  const change = { actor: 'ada', reason: 'A test.', now: Date.now() }
  await createJob(database.kysely, key.tenant, key.jobId, {
    ...change,
    document: documentOf(schedule),
  })
  await database.pool.query(`
    insert into notification_run (
      tenant, job_id, position, cause, state, started_at, from_position, to_position
    ) values ('dodici', 'drops', 1, 'manual', 'running', now(), 0, 0)`)
})

it('a lease of two hours is over; one of a minute is not', async () => {
  expect(await take()).toBe(true)
  expect(await take()).toBe(false)
  await database.pool.query(`update notification_job set lease_until = now() + interval '2 hours'`)
  expect(await take()).toBe(true)
})

it('a retry is due if it was set at a time that is still to come', async () => {
  const retry = (setAt: string) =>
    database.pool.query(
      `with free as (update notification_job set owner = null, lease_until = null)
      update notification_run
      set retry_at = now() + interval '2 hours', retry_set_at = now() + $1::interval`,
      [setAt],
    )
  await retry('0')
  expect(await take()).toBe(false)
  await retry('119 minutes')
  expect(await take()).toBe(true)
})

// A process that serves and works delivers what it has taken without the way over the database: it
// does so while the statement that wakes the others waits for a lock.

import { randomUUID } from 'node:crypto'
import { afterAll, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const receiver = await startReceiver()
const service = useService('start', database, () => ({ MILLRACE_SWEEP_MS: '60000' }))
afterAll(() => receiver.close())

const published = async () => {
  const reply = await publish(service.url, { key: randomUUID(), payload: '{}' })
  expect(reply.status).toBe(201)
  return reply.body.position
}
const arrival = (position: number) =>
  until(`event ${position} arrives`, () => receiver.received.find((r) => r.position === position))

it('delivers while no wake-up gets through', async () => {
  await register(service.url, 'here', receiver.url)
  await arrival(await published())
  const client = await database.pool.connect()
  try {
    // The statement that wakes reads every due cursor and its consumer; a turn reads the log alone.
    await client.query('begin; lock table consumer in access exclusive mode')
    await arrival(await published())
    const { rows } = await client.query(
      `select from pg_stat_activity
       where wait_event_type = 'Lock' and query like '%notified as%' and pid <> pg_backend_pid()
         and datname = current_database()`,
    )
    expect(rows).not.toEqual([])
  } finally {
    await client.query('rollback')
    client.release()
  }
})

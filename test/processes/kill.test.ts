// kill -9 of the service, five times under load: every event that was answered with 201 arrives.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'
import { everythingArrives, expectOrderPerEntity, publishLoad } from '../helpers/load.ts'
import { type Receiver, startReceiver } from '../helpers/receiver.ts'
import { register, type Service, startService } from '../helpers/service.ts'
import { until } from '../helpers/until.ts'

const KILLS = 5
const database = useDatabase()
const start = () =>
  startService('start', {
    DATABASE_URL: database.url,
    MILLRACE_LEASE_MS: '1000',
    MILLRACE_SWEEP_MS: '200',
  })
let service: Service
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  service = await start()
})
afterAll(() => Promise.all([service.kill('SIGTERM'), receiver.close()]))

it('loses nothing that was acknowledged, and repeats little', async () => {
  await register(service.url, 'erp', receiver.url)
  const load = { events: 20_000, entities: 500, publishers: 32 }
  const publishing = publishLoad(() => service.url, load)
  for (let kill = 1; kill <= KILLS; kill++) {
    const next = (kill * load.events) / (KILLS + 2)
    await until(`${next} have arrived`, () => receiver.received.length >= next, 60_000)
    await service.kill('SIGKILL')
    service = await start()
  }
  const journal = await publishing
  const repeated = await everythingArrives(receiver, journal)
  expectOrderPerEntity(receiver, 500)
  // Progress is written every 250 ms or 200 events: so much can be sent again, and what is in
  // flight.
  console.log(`kill -9: ${KILLS} times, ${repeated} of ${load.events} events arrived twice`)
  expect(repeated).toBeLessThan(KILLS * 1_000)
  const { rows } = await database.pool.query('select count(*)::integer from event')
  expect(rows[0].count).toBe(load.events)
}, 240_000)

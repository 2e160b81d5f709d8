// kill -9 of the service, five times under load: every event that was answered with 201 arrives.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { type Answer, type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { everythingArrives, expectOrderPerEntity, publishLoad } from '../helpers/load.ts'
import { type Service, startService } from '../helpers/service.ts'

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
  const { rows } = await database.pool.query(`select count(*)::integer from event
    where name not like 'millrace.%'`)
  expect(rows[0].count).toBe(load.events)
}, 240_000)

it('keeps what is rejected once, wherever it is killed', async () => {
  const rejected: Answer = (_, response) => response.writeHead(400).end()
  const target = await startReceiver(rejected)
  await register(service.url, 'rejecting', target.url)
  const ids: number[] = []
  for (let kill = 0; kill < 4; kill++) {
    const before = target.received.length
    const { body } = await publish(service.url, { key: `rejected-${kill}`, payload: '{}' })
    ids.push(body.position)
    // Before the answer, or right behind it: between the answer and what is kept of it.
    let asked = () => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    target.answer = (received, response) => {
      if (kill % 2 === 1) rejected(received, response)
      asked()
    }
    if (target.received.length === before) await isAsked
    await service.kill('SIGKILL')
    target.answer = rejected
    service = await start()
  }
  const kept = () =>
    database.pool.query(
      `select event_position from rejected_event where consumer = 'rejecting' order by 1`,
    )
  await until('all are kept', async () => (await kept()).rows.length >= ids.length)
  expect((await kept()).rows.map((row) => row.event_position)).toEqual(ids)
  await target.close()
})

// The end of a replay that is cancelled or killed in the middle: what leaves, what is counted, and
// what goes on.

import type http from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'
import { openShop } from './shop.ts'

const EVENTS = 400

const database = useDatabase()
const environment = () => ({
  DATABASE_URL: database.url,
  MILLRACE_RETRY_BASE_MS: '2',
  MILLRACE_SWEEP_MS: '100',
  MILLRACE_LEASE_MS: '60000',
})
/** Answers that are held back, while `isHolding`. */
const held: http.ServerResponse[] = []
let isHolding = false
let receiver: Receiver
let service: Service
let worker: Service
beforeAll(async () => {
  receiver = await startReceiver((_, response) => {
    if (isHolding) held.push(response)
    else response.end()
  })
  service = await startService('serve', environment())
  worker = await startService('work', environment())
})
afterAll(async () => {
  release()
  await Promise.all([worker.kill('SIGTERM'), service.kill('SIGTERM')])
  await receiver.close()
})

function release(): void {
  isHolding = false
  for (const response of held.splice(0)) response.end()
}

const open = async (count: number) => {
  const shop = await openShop({ service, receiver }, Array(count).fill('order.created'), {
    delivery: { max_in_flight: 4 },
  })
  await shop.settled(count)
  return shop
}

it('is cancelled when the requests that have left are answered, and none leaves after it', async () => {
  const shop = await open(20)
  isHolding = true
  await shop.start()
  await until('requests are under way', () => held.length > 0)
  const answered = shop.cancel(1)
  expect(await shop.becomes(1, 'cancelling')).toMatchObject({ delivered: 0, ended_at: null })
  const asked = shop.arrivals().length
  release()
  const { status, body } = await answered
  expect(status).toBe(200)
  expect(body).toMatchObject({
    state: 'cancelled',
    delivered: asked,
    total: 20,
    ended_by: 'admin token',
    reason: 'Cancelled via API.',
  })
  expect(shop.arrivals()).toHaveLength(asked)
  // Again: nothing changes.
  expect((await shop.cancel(1)).body).toEqual(body)
  expect((await shop.logs())[0]).toMatchObject({
    action: 'replay_cancelled',
    reason: `Replay 1: cancelled via API. ${asked} delivered, 0 rejected.`,
  })
  // The live stream was not halted, and the next replay sends all of it.
  const live = await shop.publishOne('order.created')
  await until('live goes on', () => shop.arrivals().some(({ position }) => position === live))
  await shop.start()
  expect(await shop.becomes(2, 'completed')).toMatchObject({ delivered: 20 })
})

it('is cancelled at once while nobody holds it, and though its worker was killed', async () => {
  const shop = await open(20)
  isHolding = true
  await shop.start()
  await until('requests are under way', () => held.length > 0)
  await worker.kill('SIGKILL')
  // The lease of a minute is not waited for: its worker is gone.
  const began = performance.now()
  expect((await shop.cancel(1)).body).toMatchObject({ state: 'cancelled' })
  expect(performance.now() - began).toBeLessThan(5_000)
  release()
  worker = await startService('work', environment())
})

it('is ended by the next worker, where the one that was to end it was killed', async () => {
  const shop = await open(3)
  await shop.start()
  await shop.becomes(1, 'completed')
  await worker.kill('SIGTERM')
  await shop.start()
  await database.pool.query(
    `update replay
     set ends_as = 'failed', ended_by = 'millrace', end_reason = 'It was so.'
     where tenant = $1 and number = 2`,
    [shop.tenant],
  )
  await shop.start()
  worker = await startService('work', environment())
  expect(await shop.becomes(2, 'failed')).toMatchObject({ delivered: 0, reason: 'It was so.' })
  expect(await shop.becomes(3, 'completed')).toMatchObject({ delivered: 3 })
})

it('goes on after each kill, sends every event, and counts each once', async () => {
  const shop = await open(EVENTS)
  await shop.start()
  for (let kill = 1; kill <= 3; kill++) {
    await until('some have arrived', () => shop.arrivals().length >= (kill * EVENTS) / 5)
    await worker.kill('SIGKILL')
    const { delivered, state } = await shop.replay(1)
    expect(state).toBe('running')
    const distinct = new Set(shop.arrivals().map(({ position }) => position)).size
    expect(delivered).toBeLessThanOrEqual(distinct)
    worker = await startService('work', environment())
  }
  const done = await shop.becomes(1, 'completed')
  expect(done).toMatchObject({ delivered: EVENTS, rejected: 0, filtered_out: 0, total: EVENTS })
  expect(new Set(shop.arrivals().map(({ position }) => position))).toEqual(new Set(shop.positions))
})

// A worker that is frozen in mid-delivery: another one takes over when the lease ends, and what the
// first one writes when it wakes up changes nothing.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { useDatabase } from '../helpers/database.ts'
import { everythingArrives, expectOrderPerEntity, publishLoad } from '../helpers/load.ts'
import { type Service, startService } from '../helpers/service.ts'

const database = useDatabase()
const environment = () => ({
  DATABASE_URL: database.url,
  MILLRACE_LEASE_MS: '2000',
  MILLRACE_SWEEP_MS: '200',
})
let server: Service
let first: Service
let second: Service | undefined
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  server = await startService('serve', environment())
  first = await startService('work', environment())
})
afterAll(async () => {
  first.process.kill('SIGCONT')
  await Promise.all([first, second, server].map((service) => service?.kill('SIGTERM')))
  await receiver.close()
})

const cursor = async () =>
  (await database.pool.query('select owner, epoch, read_position, unresolved from cursor')).rows[0]

it('is replaced, and comes back as a stranger', async () => {
  await register(server.url, 'erp', receiver.url)
  const load = { events: 6_000, entities: 100, publishers: 32 }
  const publishing = publishLoad(() => server.url, load)
  await until('some have arrived', () => receiver.received.length > 500)
  first.process.kill('SIGSTOP')
  const frozen = await cursor()
  second = await startService('work', environment())
  const taken = await until('another holds the lease', async () => {
    const now = await cursor()
    return now.epoch > frozen.epoch && now
  })
  expect(taken.owner).not.toBe(frozen.owner)
  const journal = await publishing
  await everythingArrives(receiver, journal)
  const newest = Math.max(...journal.stored.values())
  await until('the cursor has come to the end', async () => {
    const now = await cursor()
    return now.read_position >= newest && now.unresolved.length === 0
  })

  const arrived = receiver.received.length
  first.process.kill('SIGCONT')
  await until('the first has noticed', () =>
    /lease lost|turn broken off|"kind":"lost"/.test(first.output()),
  )
  const end = await cursor()
  expect(end.read_position).toBeGreaterThanOrEqual(newest)
  expect(end.unresolved).toEqual([])
  // What was handed to a socket before the freeze may still leave; nothing else does, and nothing
  // new.
  const strays = receiver.received.slice(arrived)
  expect(strays.length).toBeLessThanOrEqual(limits.maxInFlight)
  expectOrderPerEntity(receiver, 100)
})

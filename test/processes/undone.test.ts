// Steps that come to nothing while their turn lives: the database crashes and loses what it had
// answered, or the answer is lost. The receipts have no gap, and every event counts once.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { createJob } from '../../scripts/kit/jobs.ts'
import { query } from '../../scripts/kit/postgres.ts'
import {
  ok,
  type Received,
  type Receiver,
  startReceiver,
  status,
} from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { isAlive } from '../../src/db/cluster.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { type Service, startService } from '../helpers/service.ts'
import { customer } from '../helpers/shop.ts'
import { startWire, type Wire } from '../helpers/wire.ts'

let dataDir: string
let postgres: EmbeddedPostgres
let wire: Wire
let server: Service
let worker: Service
let receiver: Receiver
/** Requests that wait for their answers, by position. */
const held = new Map<number, (answer: typeof ok) => void>()
const hold = (received: Received, response: Parameters<typeof ok>[1]) =>
  void held.set(received.position, (answer) => answer(received, response))

beforeEach(async () => {
  held.clear()
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  postgres = await startEmbeddedPostgres(dataDir)
  // Nothing writes relaxed commits to the disk but a durable one.
  await sql("alter system set wal_writer_delay = '10s'")
  await sql('select pg_reload_conf()')
  receiver = await startReceiver(hold)
  wire = await startWire(postgres.url)
  server = await startService('serve', { DATABASE_URL: postgres.url })
  // A lease that no test waits for, and a sweep that comes by.
  const settings = { MILLRACE_LEASE_MS: '60000', MILLRACE_SWEEP_MS: '100' }
  worker = await startService('work', { DATABASE_URL: wire.url, ...settings })
})
afterEach(async () => {
  await Promise.all([worker.kill('SIGTERM'), server.kill('SIGTERM')])
  await Promise.all([receiver.close(), wire.close()])
  await postgres.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const sql = async (text: string) => (await query(postgres.url, text)).rows
const receipts = () =>
  sql(`select position::float8, from_position::float8, to_position::float8, delivered, rejected,
    latency_ms_histogram from receipt order by receipt.position`)
const cursor = async () =>
  (
    await sql(`select read_position::float8, unresolved::float8[], delivered::integer,
      rejected::integer from cursor`)
  )[0]
const states = async () =>
  (
    await sql(`select state from event_states('dodici', 'erp', 0, 9000000000000000)
      where name not like 'millrace.%' order by position`)
  ).map(({ state }) => state)
const publishOne = async (entityId: string, event: { name?: string; payload?: Buffer } = {}) => {
  const sent = { key: entityId, entityId, payload: '{}', ...event }
  return (await publish(server.url, sent)).body.position
}
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)

/** The server dies without a word, has lost at least a step, and comes back. */
async function crash() {
  const before = await receipts()
  const pid = Number.parseInt(
    readFileSync(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8'),
    10,
  )
  process.kill(pid, 'SIGQUIT')
  await until('the server is gone', () => !isAlive(pid))
  await postgres.stop()
  postgres = await startEmbeddedPostgres(dataDir)
  const left = (await receipts()).map(({ position }) => position)
  expect(before.filter(({ position }) => !left.includes(position))).not.toEqual([])
}

/** All is settled, and its counts stand in receipts without a gap. */
async function becomesWhole(counts: { delivered: number; rejected: number }, through: number) {
  await until('all is settled', async () => {
    const { unresolved, read_position } = (await cursor()) ?? {}
    return unresolved?.length === 0 && read_position >= through
  })
  expect(await cursor()).toMatchObject(counts)
  const steps = await receipts()
  expect(steps.at(-1)?.['to_position']).toBe(through)
  for (const [i, { from_position, latency_ms_histogram, delivered }] of steps.entries()) {
    if (i > 0) expect(from_position).toBe(steps[i - 1]?.['to_position'])
    expect(sum(latency_ms_histogram)).toBe(delivered)
  }
  expect(sum(steps.map(({ delivered }) => delivered))).toBe(counts.delivered)
  expect(sum(steps.map(({ rejected }) => rejected))).toBe(counts.rejected)
}

const answer = (position: number, how = ok) => held.get(position)?.(how)

/** An event in flight, the first of a turn. */
async function firstInFlight(): Promise<number> {
  await register(server.url, 'erp', receiver.url)
  const position = await publishOne('first')
  await until('it is in flight', () => held.has(position))
  return position
}

it('a crash undoes steps: the next one makes up for them', async () => {
  const first = await firstInFlight()
  // Publishing is durable, and makes the lease so, too.
  const [second, third] = [await publishOne('second'), await publishOne('third')]
  answer(first)
  // Together or one after the other: a turn that was idle in between begins with one again.
  await until('the second is in flight', () => held.has(second))
  answer(second, status(400))
  await until('the third is in flight', () => held.has(third))
  await until('the step before it is written', async () => {
    const { unresolved, rejected } = (await cursor()) ?? {}
    return unresolved?.length === 1 && rejected === 1
  })
  await crash()
  answer(third)
  await becomesWhole({ delivered: 2, rejected: 1 }, third)
  expect(receiver.received).toHaveLength(3) // the turn has outlived the crash
  expect(await states()).toEqual(['delivered', 'rejected', 'delivered'])
})

it('the answer to a step is lost: what it settled counts once', async () => {
  const first = await firstInFlight()
  wire.catchNext('insert into receipt', 'answer lost')
  answer(first)
  await until('the step is carried out', async () => wire.caught === 1 && (await receipts())[0])
  const second = await publishOne('second')
  await until('the next turn has begun', () => held.has(second))
  answer(second)
  await becomesWhole({ delivered: 2, rejected: 0 }, second)
  expect(receiver.received).toHaveLength(2)
})

it('an attempt is not written down: its event is not called delivered', async () => {
  await register(server.url, 'erp', receiver.url)
  receiver.answer = status(400)
  wire.catchNext('insert into attempt', 'late')
  const position = await publishOne('first')
  await becomesWhole({ delivered: 0, rejected: 1 }, position)
  expect(wire.caught).toBe(1)
  expect(await states()).toEqual(['rejected'])
})

it('a crash undoes a page of a projection: it is applied again', async () => {
  await createJob(server.url)
  const tell = (id: string) => {
    const { name, payload } = customer(id)
    return publishOne(id, { name, payload: payload as Buffer })
  }
  const known = async () =>
    (await sql('select customer_id from shop_customer order by 1')).map((row) => row.customer_id)
  await tell('c1')
  await until('a turn has begun', async () => (await known()).length === 1)
  const second = await tell('c2')
  await until('it has gone on', async () => (await known()).length === 2)
  await crash()
  await becomesWhole({ delivered: 2, rejected: 0 }, second)
  expect(await known()).toEqual(['c1', 'c2'])
})

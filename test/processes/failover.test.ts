// A failover under load: the primary crashes, the name moves to a standby that is still one, and it
// is promoted. Processes live on, and try a server that is read-only before it is promoted.

import { rmSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import { temporary } from '../../scripts/kit/cluster.ts'
import { type Pair, startPair } from '../../scripts/kit/pair.ts'
import { query } from '../../scripts/kit/postgres.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { startProxy } from '../../scripts/torture/proxy.ts'
import { everythingArrives, expectOrderPerEntity, publishLoad } from '../helpers/load.ts'
import { startService } from '../helpers/service.ts'

const BACK_MS = 10_000
const ENTITIES = 50
const LOAD = { events: 6_000, entities: ENTITIES, publishers: 16 }

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

/** `serve` and `work` on a primary that a standby follows, and a load that has begun. */
async function startLoaded() {
  const directory = temporary()
  endings.push(() => rmSync(directory, { recursive: true, force: true }))
  const pair = await startPair(directory)
  endings.push(() => pair.stop())
  const proxy = await startProxy(pair.primary.socket)
  const receiver = await startReceiver()
  endings.push(() => Promise.all([proxy.close(), receiver.close()]))
  const environment = {
    DATABASE_URL: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`,
    MILLRACE_SWEEP_MS: '200',
  }
  const serve = await startService('serve', environment)
  endings.push(() => serve.kill('SIGKILL'))
  const work = await startService('work', environment)
  endings.push(() => work.kill('SIGKILL'))
  await register(serve.url, 'erp', receiver.url)
  const standby = await pair.addStandby()
  const stored = new Map<string, number>()
  const publishing = publishLoad(() => serve.url, { ...LOAD, stored })
  await until('some are published', () => stored.size > 500)

  return { pair, standby, receiver, stored, publishing, crash, promote, expectAlive }

  async function crash() {
    await pair.crash()
    proxy.turnTo(standby.socket)
    const before = proxy.made
    await until('the service has tried the standby', () => proxy.made > before)
  }

  async function promote() {
    await pair.promote()
    const before = stored.size
    await until('publishing goes on', () => stored.size > before, BACK_MS)
  }

  function expectAlive() {
    for (const { process, output } of [serve, work]) expect(process.exitCode, output()).toBeNull()
  }
}

/** Position by key, of the whole log. */
async function readLog(url: string): Promise<Map<string, number>> {
  const { rows } = await query(
    url,
    `select idempotency_key, position from event
    where name not like 'millrace.%'`,
  )
  return new Map(rows.map((row) => [row.idempotency_key, Number(row.position)]))
}

it('synchronous: loses and reorders nothing, and publishes again within ten seconds', async () => {
  const { pair, receiver, stored, publishing, ...loaded } = await startLoaded()
  await pair.setSynchronous(true)
  const before = stored.size
  await until('some wait for the standby', () => stored.size > before + 500)
  await loaded.crash()
  await loaded.promote()
  const journal = await publishing
  expect(await readLog(pair.primary.url)).toEqual(journal.stored)
  await everythingArrives(receiver, journal)
  expectOrderPerEntity(receiver, ENTITIES)
  loaded.expectAlive()
})

it('asynchronous: loses exactly what the standby had not', async () => {
  const { pair, standby, receiver, stored, publishing, ...loaded } = await startLoaded()
  await stopFollowing(standby.url, async () => {
    const before = stored.size
    await until('the standby is far behind', () => stored.size > before + 2_000)
    await loaded.crash()
  })
  const acknowledged = new Map(stored)
  const had = await everythingReceived(pair)
  await loaded.promote()
  const journal = await publishing

  const log = await readLog(pair.primary.url)
  const newest = Math.max(...had.values())
  const lost = [...acknowledged].filter(([key]) => !log.has(key))
  expect(lost.length).toBeGreaterThan(0)
  expect(lost).toEqual([...acknowledged].filter(([key]) => !had.has(key)))
  // A standby shows a prefix of the log, and what comes after it is above it.
  for (const [, position] of lost) expect(position).toBeGreaterThan(newest)
  for (const [key, position] of log) {
    if (had.has(key)) expect(position).toBe(had.get(key))
    else expect(position).toBeGreaterThan(newest)
  }
  for (const [key] of lost) journal.stored.delete(key)
  expect(log).toEqual(journal.stored)
  const hasArrived = () => {
    const arrived = new Set(receiver.received.map(({ position }) => position))
    return [...log.values()].every((position) => arrived.has(position))
  }
  await until('everything has arrived', hasArrived, 60_000)
  loaded.expectAlive()
})

/** What the primary sends while `meanwhile` runs reaches the standby no more. */
async function stopFollowing(url: string, meanwhile: () => Promise<void>): Promise<void> {
  const { rows } = await query(url, 'select pid from pg_stat_wal_receiver')
  process.kill(rows[0].pid, 'SIGSTOP')
  await meanwhile()
  process.kill(rows[0].pid, 'SIGCONT')
}

/** The log of the standby when it has replayed all that it ever received. */
async function everythingReceived({ standby }: Pair): Promise<Map<string, number>> {
  const url = standby?.url as string
  await until('the standby has replayed what it received', async () => {
    const { rows } = await query(
      url,
      `select pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
         and not exists (select from pg_stat_wal_receiver) as is_all`,
    )
    return rows[0].is_all as boolean
  })
  return readLog(url)
}

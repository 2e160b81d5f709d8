// The hub: who waits for events hears of those of this process, of another one, and of the SQL
// function, also after its connection was lost. If nobody waits, nobody is notified.

import pg from 'pg'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { channels } from '../../src/db/listen.ts'
import { createWaker } from '../../src/delivery/wake.ts'
import { createHub, type Hub } from '../../src/log/hub.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'

const NEVER_MS = 600_000
const LONG_MS = 30_000
const logger = createLogger('silent')
const database = useDatabase()
const hubs: Hub[] = []

afterEach(() => Promise.all(hubs.splice(0).map((hub) => hub.close())))

function openHub(sweepMs = NEVER_MS): Hub {
  const hub = createHub({ url: database.url, database, sweepMs, logger })
  hubs.push(hub)
  return hub
}

/** A watch that has heard of its connection, which wakes everybody. */
async function connectedWatch(hub: Hub, tenant = 'dodici') {
  const watch = hub.watch(tenant)
  expect(await watch.moved(LONG_MS)).toBe(true)
  return watch
}

const publishInSql = (key: string, tenant = 'dodici') =>
  database.pool.query(`select * from publish_event($1, 'order.created', 'o-1', $2, '{}')`, [
    tenant,
    key,
  ])

describe('a watch', () => {
  it('hears of its own process without the database, and of its own tenant only', async () => {
    const hub = openHub()
    const watch = await connectedWatch(hub)
    hub.moved('tredici')
    expect(await watch.moved(0)).toBe(false)
    hub.moved('dodici')
    expect(await watch.moved(0)).toBe(true)
    expect(await watch.moved(0)).toBe(false)
  })

  it('hears of another process by NOTIFY', async () => {
    const watch = await connectedWatch(openHub())
    createWaker(database.pool, logger).wake('dodici')
    expect(await watch.moved(LONG_MS)).toBe(true)
  })

  it('hears of the SQL function by the sweep', async () => {
    const watch = await connectedWatch(openHub(20))
    await until('the sweep has seen the log', async () => !(await watch.moved(100)))
    await publishInSql('by-sql')
    expect(await watch.moved(LONG_MS)).toBe(true)
    expect(await watch.moved(100)).toBe(false)
  })

  it('is woken when its connection is back', async () => {
    const watch = await connectedWatch(openHub())
    const { rowCount } = await database.admin.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'millrace listen' and datname = current_database()`,
    )
    expect(rowCount).toBe(1)
    expect(await watch.moved(LONG_MS)).toBe(true)
    createWaker(database.pool, logger).wake('dodici')
    expect(await watch.moved(LONG_MS)).toBe(true)
  })

  it('ends its wait after its time, and if it is aborted', async () => {
    const watch = await connectedWatch(openHub())
    expect(await watch.moved(1)).toBe(false)
    const abort = new AbortController()
    const waiting = watch.moved(LONG_MS, abort.signal)
    abort.abort()
    expect(await waiting).toBe(false)
    expect(await watch.moved(LONG_MS, abort.signal)).toBe(false)
  })
})

describe('the notification of other processes', () => {
  it('leaves only while somebody waits', async () => {
    const heard: string[] = []
    const listener = new pg.Client(database.url)
    await listener.connect()
    onTestFinished(() => listener.end())
    listener.on('notification', ({ payload = '' }) => heard.push(payload))
    await listener.query(`listen ${channels.wake}`)
    const waker = createWaker(database.pool, logger)
    const wake = async (tenant: string) => {
      waker.wake(tenant)
      await waker.flushed()
      await listener.query('select 1')
    }

    await wake('nobody')
    expect(heard).toEqual([])
    const hub = openHub()
    const watch = await connectedWatch(hub)
    await wake('somebody')
    await until('the tenant is heard', () => heard.includes('somebody'))
    watch.close()
    await hub.close()
    await wake('nobody')
    expect(heard).toEqual(['somebody'])
  })
})

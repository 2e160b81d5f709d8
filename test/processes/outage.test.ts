// The database goes away under a running service, for seconds or for one connection: publishing and
// delivery come back by themselves, and nothing that was acknowledged is lost.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, publish, register } from '../../scripts/kit/client.ts'
import { query } from '../../scripts/kit/postgres.ts'
import { ok, type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { isAlive } from '../../src/db/cluster.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { useDatabase } from '../helpers/database.ts'
import { everythingArrives, publishLoad } from '../helpers/load.ts'
import { type Service, startService } from '../helpers/service.ts'
import { startWire } from '../helpers/wire.ts'

const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
const pidFile = path.join(dataDir, 'postgres/postmaster.pid')
const postmaster = () => Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
const database = useDatabase()
let server: EmbeddedPostgres
let service: Service
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  // A lease that no test waits for: it must be given back when the database returns.
  server = await startEmbeddedPostgres(dataDir)
  const settings = { DATABASE_URL: server.url, MILLRACE_LEASE_MS: '300000' }
  service = await startService('start', settings)
})
afterAll(async () => {
  expect(await service.kill('SIGTERM')).toBe(0)
  await receiver.close()
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const isReady = async () => (await call(`${service.url}/readyz`, { token: null })).status === 200
const load = (prefix: string) =>
  publishLoad(() => service.url, { events: 300, entities: 20, publishers: 8, prefix })

/** Stops the server, which nobody watches, the way `signal` does, and starts it after `down`. */
async function restartPostgres(signal: NodeJS.Signals, down: () => Promise<unknown>) {
  const pid = postmaster()
  process.kill(pid, signal)
  await until('the server is gone', () => !isAlive(pid))
  await down()
  await server.stop()
  server = await startEmbeddedPostgres(dataDir)
}

it('survives restarts and crashes of the server', async () => {
  await register(service.url, 'erp', receiver.url)
  const journal = await load('before')
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    await restartPostgres(signal, async () => {
      const reply = await publish(service.url, { key: `${signal}-down`, payload: '{}' })
      expect(reply.status).toBe(503)
      expect(await isReady()).toBe(false)
    })
    await until('it is ready again', isReady)
    const more = await load(signal)
    for (const [key, position] of more.stored) journal.stored.set(key, position)
  }
  const { rows } = await query(
    server.url,
    `select count(*)::integer from event
    where name not like 'millrace.%'`,
  )
  expect(rows[0].count).toBeGreaterThanOrEqual(journal.stored.size)
  const arrived = () => new Set(receiver.received.map(({ position }) => position))
  await until('everything has arrived', () =>
    [...journal.stored.values()].every((position) => arrived().has(position)),
  )
  expect(service.process.exitCode).toBeNull()
})

it('survives connections that are cut, and ends in time while the database is silent', async () => {
  const wire = await startWire(database.url)
  const other = await startService('start', {
    DATABASE_URL: wire.url,
    MILLRACE_SWEEP_MS: '100',
    MILLRACE_LEASE_MS: '1000',
  })
  const own = await startReceiver()
  await register(other.url, 'cut', own.url)
  const publishing = publishLoad(() => other.url, { events: 2_000, entities: 50, publishers: 8 })
  for (let cut = 1; cut <= 3; cut++) {
    await until('some have arrived', () => own.received.length > cut * 300)
    wire.goDown()
    wire.comeUp()
  }
  await everythingArrives(own, await publishing)
  expect(other.process.exitCode).toBeNull()

  wire.goSilent()
  const began = performance.now()
  await other.kill('SIGTERM')
  expect(performance.now() - began).toBeLessThan(10_500)
  await Promise.all([own.close(), wire.close()])
})

it('keeps its progress, and does not hammer a database that is away', async () => {
  const wire = await startWire(database.url)
  const server = await startService('serve', { DATABASE_URL: database.url })
  const worker = await startService('work', { DATABASE_URL: wire.url, MILLRACE_SWEEP_MS: '100' })
  let first: (() => void) | undefined
  const own = await startReceiver((received, response) => {
    if (first) ok(received, response)
    else first = () => ok(received, response)
  })
  const starts_at = new Date().toISOString()
  const journal = await publishLoad(() => server.url, {
    events: 400,
    entities: 20,
    publishers: 8,
    prefix: 'patient',
  })
  await register(server.url, 'patient', own.url, { starts_at })
  // A page of the log is here.
  await until('the first is in flight', () => first !== undefined)
  wire.goSilent()
  first?.()
  await until('more have arrived than a step waits for', () => own.received.length > 300)
  wire.goDown()
  const count = (message: string) => worker.output().split(`"${message}"`).length - 1
  await until('the database has been away for a while', () => count('sweep failed') >= 10)
  expect(count('turn broken off')).toBeLessThan(10)
  wire.comeUp()
  await everythingArrives(own, journal)
  expect(own.received).toHaveLength(400)
  await Promise.all([worker.kill('SIGTERM'), server.kill('SIGTERM')])
  await Promise.all([own.close(), wire.close()])
})

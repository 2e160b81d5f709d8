// Backup, restore and standby, under load: what was acknowledged before the backup is in it,
// positions go on upward afterwards, and delivery goes on with whatever was next.

import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import {
  copyCluster,
  findInstallation,
  makeStandby,
  startInstalled,
  temporary,
} from '../../scripts/kit/cluster.ts'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { everythingArrives, type Journal, publishLoad } from '../helpers/load.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { asRole, makeRoles } from '../helpers/postgres.ts'
import { type Service, startService } from '../helpers/service.ts'

const directories: string[] = []
const directory = () => {
  directories.push(temporary())
  return directories.at(-1) as string
}
afterAll(() => {
  for (const each of directories) rmSync(each, { recursive: true, force: true })
})

const environment = (url: string) => ({ DATABASE_URL: url, MILLRACE_LEASE_MS: '1000' })
const load = (prefix: string) => ({ events: 1_000, entities: 50, publishers: 8, prefix })
type Log = Map<string, number>

/** Position by key, of the whole log. */
async function readLog(url: string): Promise<Log> {
  const { rows } = await query(
    url,
    `select idempotency_key, position from event
    where name not like 'millrace.%'`,
  )
  return new Map(rows.map((row) => [row.idempotency_key, Number(row.position)]))
}

function expectWithin(log: Log, journal: Journal): void {
  for (const [key, position] of journal.stored) expect(log.get(key)).toBe(position)
}

/**
 * What is in the log of a restored database arrives, and what is published next is above it.
 * `meanwhile` is given the URL of its service.
 */
async function goesOn(
  url: string,
  log: Log,
  meanwhile: (serviceUrl: string) => Promise<unknown> = async () => {},
): Promise<void> {
  const receiver = await startReceiver()
  // The integration's own receiver may be another by now: it is registered from the beginning.
  const service = await startService('start', environment(url))
  const others = meanwhile(service.url)
  const starts_at = new Date(Math.min(...log.values()) / 1000 - 1).toISOString()
  await register(service.url, 'restored', receiver.url, { starts_at })
  const more = await publishLoad(() => service.url, { ...load('after'), events: 100 })
  const newest = Math.max(...log.values())
  for (const position of more.stored.values()) expect(position).toBeGreaterThan(newest)
  await others
  const stored = await readLog(url)
  expectWithin(stored, { stored: log, repeated: 0 })
  expect(await everythingArrives(receiver, { stored, repeated: 0 })).toBe(0)
  expect(await service.kill('SIGTERM')).toBe(0)
  await receiver.close()
}

const crash = async (dataDir: string, database: EmbeddedPostgres) => {
  const pid = Number.parseInt(
    readFileSync(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8'),
    10,
  )
  process.kill(pid, 'SIGQUIT')
  await until('the server is gone', () => {
    try {
      return !process.kill(pid, 0)
    } catch {
      return true
    }
  })
  await database.stop()
}

// One that is there is tested; the other way of a backup needs nothing that is not always there.
const installation = findInstallation()
if (!installation) tellNotRun('pg_dump: not run, there is no PostgreSQL of 15 or newer with it')
for (const bin of installation ? [installation] : []) {
  it('pg_dump under load, restored: nothing is lost up to the dump', async () => {
    const folder = directory()
    const server = await startInstalled(bin, folder)
    const receiver = await startReceiver()
    await makeRoles(server.url)
    await migrate(asRole(server.url, 'owner'), createLogger('silent'))
    const service = await startService('start', environment(asRole(server.url, 'service')))
    await register(service.url, 'erp', receiver.url)
    const before = await publishLoad(() => service.url, load('before'))
    const during = publishLoad(() => service.url, load('during'))
    const dump = ['-Fc', '--role=millrace_owner', '-f', path.join(folder, 'dump'), 'postgres']
    await server.run('pg_dump', dump)
    await during
    await service.kill('SIGTERM')
    await query(server.url, 'create database restored')
    await server.run('pg_restore', ['-d', 'restored', path.join(folder, 'dump')])
    const restored = databaseUrl(server.url, 'restored')
    const log = await readLog(restored)
    expectWithin(log, before)
    await goesOn(restored, log)
    await server.stop()
    await receiver.close()
  })
}

/** An embedded server with a service on it that has published and goes on publishing. */
async function startPrimary() {
  const dataDir = directory()
  const database = await startEmbeddedPostgres(dataDir)
  await query(database.url, "alter system set wal_keep_size = '256MB'")
  await query(database.url, 'select pg_reload_conf()')
  const receiver = await startReceiver()
  const service = await startService('start', environment(database.url))
  await register(service.url, 'erp', receiver.url)
  const before = await publishLoad(() => service.url, load('before'))
  return { dataDir, database, receiver, service, before }
}

const isOver = async (service: Service, receiver: { close(): Promise<void> }) => {
  await service.kill('SIGKILL')
  await receiver.close()
}

it('a copy of the files under load, started: nothing is lost up to the copy', async () => {
  const { dataDir, database, receiver, service, before } = await startPrimary()
  const during = publishLoad(() => service.url, load('during'))
  const copy = directory()
  await copyCluster(database.url, dataDir, copy)
  await during
  await isOver(service, receiver)
  await database.stop()
  const restored = await startEmbeddedPostgres(copy)
  const log = await readLog(restored.url)
  expectWithin(log, before)
  await goesOn(restored.url, log)
  await restored.stop()
})

it('a standby, promoted when the server crashes under load', async () => {
  const { dataDir, database, receiver, service, before } = await startPrimary()
  const copy = directory()
  await copyCluster(database.url, dataDir, copy)
  makeStandby(copy, database.url)
  const standby = await startEmbeddedPostgres(copy)
  await until('it follows', async () => {
    const { rows } = await query(database.url, 'select state from pg_stat_replication')
    return rows[0]?.state === 'streaming'
  })
  // Without it the last few events that were acknowledged may be missing.
  await query(database.url, "alter system set synchronous_standby_names = '*'")
  await query(database.url, 'select pg_reload_conf()')
  const stored: Log = new Map()
  let url = service.url
  const during = publishLoad(() => url, { ...load('during'), stored })
  await until('some are published', () => stored.size > 300)
  await crash(dataDir, database)
  const acknowledged = new Map(stored)
  await isOver(service, receiver)
  await query(standby.url, 'select pg_promote()')
  const log = await readLog(standby.url)
  expectWithin(log, before)
  expectWithin(log, { stored: acknowledged, repeated: 0 })
  // The publishers repeat what was not answered, and go on.
  await goesOn(standby.url, log, async (serviceUrl) => {
    url = serviceUrl
    const journal = await during
    expectWithin(await readLog(standby.url), journal)
  })
  await standby.stop()
})

// Workers that die, freeze or lose their presence, with default settings: the integrations of a
// dead one go to another at once, those of a frozen one when its lease has ended.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'

/** From the kill, or the restart, to the first new delivery. A lease lasts 10 s. */
const SOON_MS = 1_500
const database = useDatabase()
let receiver: Receiver
let running: Service[] = []
/** A tenant for each test. */
let tests = 0
let tenant: string
beforeEach(async () => {
  tenant = `tenant-${++tests}`
  receiver = await startReceiver()
})
afterEach(async () => {
  for (const service of running) service.process.kill('SIGCONT')
  await Promise.all(running.map((service) => service.kill('SIGTERM')))
  running = []
  await receiver.close()
})

async function start(command: 'start' | 'serve' | 'work', settings: NodeJS.ProcessEnv) {
  const service = await startService(command, settings)
  running.push(service)
  return service
}

/** Publishes one event and resolves with what arrived. */
async function deliver(url: string, key: string) {
  const { body } = await publish(url, { key, tenant, payload: '{}' })
  return until(`${key} has arrived`, () =>
    receiver.received.find(({ position }) => position === body.position),
  )
}

const cursor = async () =>
  (await database.pool.query('select * from cursor where tenant = $1', [tenant])).rows[0]

/** A server and two workers: the one that holds the lease of the integration, and the other. */
async function startTwoWorkers(settings: NodeJS.ProcessEnv = {}) {
  const environment = { DATABASE_URL: database.url, ...settings }
  const { url } = await start('serve', environment)
  const workers = [await start('work', environment), await start('work', environment)]
  await register(url, 'erp', receiver.url, {}, tenant)
  await deliver(url, 'first')
  const { owner } = await cursor()
  const [holder] = workers.filter((worker) => worker.output().includes(owner))
  const [other] = workers.filter((worker) => worker !== holder)
  return { url, holder: holder as Service, other: other as Service }
}

it('a worker that is killed is replaced by another at once', async () => {
  const { url, holder } = await startTwoWorkers()
  await holder.kill('SIGKILL')
  const killed = Date.now()
  const { at } = await deliver(url, 'after the kill')
  console.log(`kill -9 of one of two: a new event was delivered ${at - killed} ms after it`)
  expect(at - killed).toBeLessThan(SOON_MS)
})

it('a frozen worker is waited for until its lease ends, and then sends nothing', async () => {
  const { url, holder } = await startTwoWorkers({ MILLRACE_LEASE_MS: '3000' })
  holder.process.kill('SIGSTOP')
  const { lease_until } = await cursor()
  const { at } = await deliver(url, 'after the freeze')
  expect(at).toBeGreaterThanOrEqual(lease_until.getTime())
  const arrived = receiver.received.length
  holder.process.kill('SIGCONT')
  await until('it has noticed', () => /"lease lost"|"kind":"lost"/.test(holder.output()))
  await deliver(url, 'after it came back')
  expect(receiver.received).toHaveLength(arrived + 1)
})

it('a worker whose presence is cut breaks off, and goes on at once', async () => {
  const environment = { DATABASE_URL: database.url, MILLRACE_LEASE_MS: '300000' }
  const { url } = await start('serve', environment)
  const worker = await start('work', environment)
  await register(url, 'erp', receiver.url, {}, tenant)
  await deliver(url, 'before the cut')
  const before = await cursor()
  await database.admin.pool.query(`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name like 'millrace presence %'`)
  await until('it is lost', () => worker.output().includes('presence lost'))
  await deliver(url, 'after the cut')
  const after = await cursor()
  expect(after.epoch).toBeGreaterThan(before.epoch)
})

it('a service that is killed and started again delivers at once', async () => {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const settings = { MILLRACE_DATA_DIR: dataDir }
  const service = await start('start', settings)
  await register(service.url, 'erp', receiver.url, {}, tenant)
  await deliver(service.url, 'before the kill')
  await service.kill('SIGKILL')
  const killed = Date.now()
  const again = await start('start', settings)
  const ready = Date.now()
  const { at } = await deliver(again.url, 'after the kill')
  console.log(
    `kill -9 and a restart: ready after ${ready - killed} ms, delivered at ${at - killed}`,
  )
  expect(at - ready).toBeLessThan(SOON_MS)
  await again.kill('SIGTERM')
  rmSync(dataDir, { recursive: true, force: true })
})

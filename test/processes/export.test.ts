// Files in S3 while processes are killed and frozen, and while the store goes away: each event is
// in exactly one file, and the store keeps nothing that the manifest does not know.

import { existsSync, readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { type Store, s3Parameters, startStore, storeKinds } from '../../scripts/kit/store.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { checkFiles, layEvents, listFiles } from '../helpers/files.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { startProxy, type TcpProxy } from '../helpers/proxy.ts'
import { type Service, startService } from '../helpers/service.ts'
import { startWire } from '../helpers/wire.ts'

const MAX_BYTES = 12_000_000

describe.each(storeKinds)('%s', (kind) => {
  const database = useDatabase()
  const start = (command: 'serve' | 'work', more = {}) =>
    startService(command, {
      DATABASE_URL: database.url,
      MILLRACE_LEASE_MS: '1000',
      MILLRACE_SWEEP_MS: '100',
      MILLRACE_RETRY_BASE_MS: '20',
      MILLRACE_S3_WINDOW_MS: '500',
      MILLRACE_S3_MAX_BYTES: String(MAX_BYTES),
      ...more,
    })
  let server: Service
  let store: Store
  let proxy: TcpProxy
  const workers: Service[] = []
  beforeAll(async () => {
    store = await startStore(kind)
    proxy = await startProxy(store.endpoint)
    server = await start('serve')
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.kill('SIGKILL')))
  })
  afterAll(async () => {
    await server.kill('SIGTERM')
    await proxy.close()
    await store.close()
  })

  const work = async (more = {}) => {
    const worker = await start('work', more)
    workers.push(worker)
    return worker
  }
  /** Events in the log of a tenant, and an integration that is to write them to files. */
  async function prepare(tenant: string, count: number) {
    const bucket = `bucket-${tenant}`
    const headers = { tenant }
    await store.createBucket(bucket)
    await layEvents(database.pool, { count, tenant })
    const body = JSON.stringify({
      id: 'files',
      integration_type: 'permanent',
      starts_at: new Date(Date.now() - 3_600_000).toISOString(),
      s3_parameters: s3Parameters(proxy.url, bucket),
    })
    expect(await call(server.url + EVENTSTREAM, { headers, body })).toMatchObject({ status: 200 })
    const on = (action = '', method = 'GET') =>
      call(`${server.url}${EVENTSTREAM}/files${action}`, { method, headers })
    const finished = async () => (await listFiles(server.url, 'files', { tenant })).length
    const check = async () => {
      const isDone = async () => (await on('/stats')).body['lag_events'] === 0
      await until('all is in files', isDone, 60_000)
      const files = await listFiles(server.url, 'files', { tenant })
      return checkFiles(
        files,
        { store, bucket, pool: database.pool },
        { tenant, maxBytes: MAX_BYTES },
      )
    }
    // The store of npm does not list uploads: one is found by what the manifest says of it.
    const isNoted = async () => {
      const { rows } = await database.pool.query(
        `select from export_file where tenant = $1 and state = 'open' and upload_id is not null`,
        [tenant],
      )
      return rows.length > 0
    }
    const begun = () =>
      until('an upload is under way', async () => {
        const isThere = (await store.unfinished(bucket)).length > 0
        return isThere && (kind !== 'fauxqs' || (await isNoted()))
      })
    return { bucket, on, check, finished, begun }
  }

  it('kill -9, in uploads and between them', async () => {
    const { check, begun, finished } = await prepare('killed', 40_000)
    for (let kill = 0; kill < 4; kill++) {
      const worker = await work()
      const before = await finished()
      if (kill % 2 === 0) await begun()
      else await until('a file is finished', async () => (await finished()) > before)
      await worker.kill('SIGKILL')
    }
    await work()
    expect(await check()).toBe(40_000)
  })

  it('frozen in an upload, awake when another has taken over', async () => {
    const { check, begun, finished } = await prepare('frozen', 20_000)
    const frozen = await work()
    await begun()
    frozen.process.kill('SIGSTOP')
    const before = await finished()
    await work()
    await until('another goes on', async () => (await finished()) > before)
    frozen.process.kill('SIGCONT')
    expect(await check()).toBe(20_000)
    await publish(server.url, { tenant: 'frozen', key: 'later', payload: '{}' })
    expect(await check()).toBe(20_001)
  })

  it('a connection lost when a file is finished, and the answer with it', async () => {
    const wire = await startWire(database.url)
    const { check } = await prepare('unheard', 10_000)
    wire.catchNext("set state = 'finished'", 'answer lost')
    await work({ DATABASE_URL: wire.url })
    expect(await check()).toBe(10_000)
    expect(wire.caught).toBe(1)
    await wire.close()
  })

  it('a store that resets in the middle of an upload', async () => {
    const { check, on, bucket } = await prepare('reset', 10_000)
    proxy.resetAfterBytes = 3_000_000
    proxy.resets = 0
    await work()
    await until('it has been reset', () => proxy.resets > 6)
    proxy.resetAfterBytes = Number.POSITIVE_INFINITY
    expect(await check()).toBe(10_000)
    expect(await store.unfinished(bucket)).toEqual([])
    expect(JSON.stringify((await on('/logs')).body)).toMatch(/retry_triggered.*Upload to s3:/)
  })

  it('a store that is down: tried again, then stopped; a start goes on', async () => {
    const { check, on } = await prepare('down', 1_000)
    proxy.isDown = true
    await work({ MILLRACE_RETRY_BASE_MS: '2' })
    const isStopped = async () => (await on()).body['status'] === 'stopped'
    await until('it is interrupted', async () => (await on('/stats')).body['status'] !== 'running')
    await until('it is stopped', isStopped, 60_000)
    const { body } = (await on('/logs')) as { body: unknown } as {
      body: { entries: { action: string; reason: string }[] }
    }
    expect(body.entries[0]?.reason).toMatch(/The file \S+ failed 11 times; no retries are left/)
    expect(body.entries.filter(({ action }) => action === 'retry_triggered').length).toBe(10)
    proxy.isDown = false
    await on('/_start', 'POST')
    expect(await check()).toBe(1_000)
  })

  it('a stop while the store is down does not wait for it', async () => {
    const { check, on } = await prepare('stopped', 1_000)
    proxy.isDown = true
    await work({ MILLRACE_RETRY_BASE_MS: '5000' })
    await until('it is interrupted', async () => {
      return (await on('/stats')).body['status'] === 'interrupted'
    })
    expect(await on('/_stop', 'POST')).toMatchObject({ body: { status: 'stopped' } })
    proxy.isDown = false
    await on('/_start', 'POST')
    expect(await check()).toBe(1_000)
  })

  it('a worker that is told to end, in the middle of an upload', async () => {
    const { check, begun } = await prepare('ended', 20_000)
    const worker = await work()
    await begun()
    expect(await worker.kill('SIGTERM')).toBe(0)
    await work()
    expect(await check()).toBe(20_000)
  })
})

const status = (pid: number | undefined) => readFileSync(`/proc/${pid}/status`, 'utf8')
const mebibytes = (pid: number | undefined, field: string) =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status(pid))?.[1]) / 1024

const hasProc = existsSync('/proc/self/status')
if (!hasProc) tellNotRun('The memory of an export: not measured, there is no /proc here')
const describeMemory = hasProc ? describe : () => {}
describeMemory('memory', () => {
  const database = useDatabase()

  it('stays flat while a file of 50 MiB is written', async () => {
    const store = await startStore('fauxqs')
    await store.createBucket('bucket-flat')
    await layEvents(database.pool, { count: 40_000 })
    const environment = { DATABASE_URL: database.url, MILLRACE_SWEEP_MS: '100' }
    const server = await startService('serve', environment)
    const worker = await startService('work', environment)
    const { pid } = worker.process
    const idle = mebibytes(pid, 'VmRSS')
    const body = JSON.stringify({
      id: 'files',
      integration_type: 'permanent',
      starts_at: new Date(Date.now() - 3_600_000).toISOString(),
      s3_parameters: s3Parameters(store.endpoint, 'bucket-flat'),
    })
    await call(server.url + EVENTSTREAM, { body })
    const [file] = await until('a file is finished', async () => {
      const files = await listFiles(server.url, 'files')
      return files.length > 0 && files
    })
    expect(file?.bytes).toBeGreaterThan(52_000_000)
    const grown = mebibytes(pid, 'VmHWM') - idle
    console.log(
      `a file of 50 MiB: ${idle.toFixed()} MiB idle, ${grown.toFixed()} MiB more at the peak`,
    )
    expect(grown).toBeLessThan(100)
    await Promise.all([worker.kill('SIGTERM'), server.kill('SIGTERM')])
    await store.close()
  })
})

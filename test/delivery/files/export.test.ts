// Files in S3, on the running service and against each store: what is in them, when they end, and
// what a stop, a replay and a filter make of them (docs/files.md).

import { randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish } from '../../../scripts/kit/client.ts'
import { type Store, s3Parameters, startStore, storeKinds } from '../../../scripts/kit/store.ts'
import { until } from '../../../scripts/kit/until.ts'
import { useDatabase } from '../../helpers/database.ts'
import { checkFiles, layEvents, listFiles } from '../../helpers/files.ts'
import { type Service, startService } from '../../helpers/service.ts'
import { pick, published, rowsOf } from '../../sql/rows.ts'

const WINDOW_MS = 1_000
const MAX_BYTES = 12_000_000

describe.each(storeKinds)('%s', (kind) => {
  const database = useDatabase()
  let service: Service
  let store: Store
  beforeAll(async () => {
    store = await startStore(kind)
    service = await startService('start', {
      DATABASE_URL: database.url,
      MILLRACE_S3_WINDOW_MS: String(WINDOW_MS),
      MILLRACE_S3_MAX_BYTES: String(MAX_BYTES),
      MILLRACE_SWEEP_MS: '100',
      MILLRACE_RETRY_BASE_MS: '5',
    })
  })
  afterAll(async () => {
    await service.kill('SIGTERM')
    await store.close()
  })

  /** An integration with a bucket of its own, of a tenant of its own. */
  async function start(parameters = {}, more: Record<string, unknown> = {}) {
    const tenant = `t-${randomUUID().slice(0, 8)}`
    const bucket = `bucket-${tenant}`
    await store.createBucket(bucket)
    const headers = { tenant }
    const on = (action = '', method = 'GET', body?: unknown) =>
      call(`${service.url}${EVENTSTREAM}/files${action}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    const register = async () => {
      const reply = await call(service.url + EVENTSTREAM, {
        headers,
        body: JSON.stringify({
          id: 'files',
          integration_type: 'permanent',
          s3_parameters: s3Parameters(store.endpoint, bucket, parameters),
          ...more,
        }),
      })
      expect(reply, JSON.stringify(reply.body)).toMatchObject({ status: 200 })
    }
    const source = { store, bucket, pool: database.pool }
    const files = () => listFiles(service.url, 'files', { tenant, limit: 2 })
    const put = (payload = '{}', name = 'order.created') =>
      publish(service.url, { tenant, name, key: randomUUID(), payload })
    const filesOf = (events: number) =>
      until(`${events} events are in files`, async () => {
        const list = await files()
        const count = list.reduce((sum, file) => sum + file.count, 0)
        return count >= events && list
      })
    return { tenant, bucket, on, register, source, files, put, filesOf }
  }
  const past = () => new Date(Date.now() - 3_600_000).toISOString()

  it('end before they are too large, and hold each event once, to the byte', async () => {
    const { tenant, register, source, filesOf, on } = await start(
      { key_prefix: 'company/stream' },
      { starts_at: past() },
    )
    await layEvents(database.pool, { count: 20_000, tenant })
    await register()
    const files = await filesOf(20_000)
    expect(files.length).toBe(3)
    expect(await checkFiles(files, source, { tenant, maxBytes: MAX_BYTES })).toBe(20_000)
    for (const { key, bytes } of files.slice(1)) {
      expect(key).toMatch(new RegExp(`^company/stream/${tenant}/\\d{13}-data-\\w{16}\\.export$`))
      expect(bytes).toBeGreaterThan(MAX_BYTES - 2_000)
    }
    expect((await on('/stats')).body).toMatchObject({ lag_events: 0, next_retry_at: null })
  })

  it('end after a while, and there is none where nothing came', async () => {
    const { tenant, register, source, put, files, filesOf } = await start()
    await register()
    const first = await put('{"a":\n "b\\n",\r\n\t"c": 25.080 }')
    await put()
    const [file] = await filesOf(2)
    expect(file).toMatchObject({ count: 2, first_position: first.body.position })
    expect(file?.first_published_at).toBe(first.body.published_at)
    const age = Date.parse(String(file?.created_at)) - first.body.position / 1000
    expect(age).toBeGreaterThanOrEqual(WINDOW_MS)
    const { body } = await store.read(source.bucket, String(file?.key))
    // One line each: a line break of a payload stands between tokens, and is a space.
    expect(body.toString().split('\n')[0]).toBe(
      `{"tenant":"${tenant}","name":"order.created","published_at":"${first.body.published_at}",` +
        '"payload":{"a":  "b\\n",  \t"c": 25.080 }}',
    )
    await put()
    expect((await filesOf(3)).length).toBe(2)
    expect((await store.keys(source.bucket)).length).toBe(2)
    expect((await files()).length).toBe(2)
  })

  it('take what the filter takes', async () => {
    const filter_conditions = { event_filter: ['order.opened'], entity_filter: ['return'] }
    const { tenant, register, source, filesOf, put, on } = await start(
      {},
      { filter_conditions, starts_at: past() },
    )
    await layEvents(database.pool, { count: 900, tenant })
    await put('{}', 'return.processed')
    await register()
    const files = await filesOf(301)
    const names = ['order.opened', 'return.processed']
    expect(await checkFiles(files, source, { tenant, names })).toBe(301)
    await put('{}', 'order.completed')
    await until('nothing is behind', async () => {
      const { rows } = await database.pool.query(
        `select from cursor join event using (tenant)
         where tenant = $1 and event.position > read_position`,
        [tenant],
      )
      return rows.length === 0
    })
    expect((await on('/stats')).body).toMatchObject({ lag_events: 0 })
    // Of tables that nobody has analysed yet, the script's plan is a guess.
    await database.admin.pool.query('analyze')
    const period = [`from=${past()}`, `to=${new Date(Date.now() + 60_000).toISOString()}`]
    const asked = [`tenant=${tenant}`, 'integration=files', ...period]
    const rows = await rowsOf(database.url, 'audit/undelivered', ...asked)
    expect(pick(published(rows), 'state')).toEqual(Array(601).fill(['filtered_out']))
  })

  it('are compressed on demand', async () => {
    const { tenant, register, source, filesOf } = await start(
      { compression: 'gzip' },
      { starts_at: past() },
    )
    await layEvents(database.pool, { count: 1_000, tenant })
    await register()
    const files = await filesOf(1_000)
    expect(await checkFiles(files, source, { tenant })).toBe(1_000)
    const { body, encoding } = await store.read(source.bucket, String(files[0]?.key))
    expect(encoding).toBe('gzip')
    expect(gunzipSync(body).length).toBeGreaterThan(body.length * 2)
  })

  it('are closed by a stop, and a start goes on', async () => {
    const { tenant, register, source, put, files, on } = await start()
    await register()
    await put()
    await put()
    expect(await on('/_stop', 'POST')).toMatchObject({ body: { status: 'stopped' } })
    expect(await checkFiles(await files(), source, { tenant })).toBe(2)
    const later = await put()
    expect((await files()).length).toBe(1)
    await on('/_start', 'POST')
    expect(await on('/_stop', 'POST')).toMatchObject({ body: { status: 'stopped' } })
    expect((await files())[0]).toMatchObject({ count: 1, first_position: later.body.position })
    expect(await checkFiles(await files(), source, { tenant })).toBe(3)
    // With nothing to close a stop closes nothing.
    await on('/_start', 'POST')
    expect(await on('/_stop', 'POST')).toMatchObject({ body: { status: 'stopped' } })
    expect((await store.keys(source.bucket)).length).toBe(2)
    expect((await on('/logs')).body).toMatchObject({
      entries: [
        { action: 'integration_stopped' },
        { action: 'integration_started' },
        {},
        {},
        {},
        {},
      ],
    })
  })

  it('are closed by the end of a replay, which completes', async () => {
    const range = { starts_at: past(), ends_at: new Date(Date.now() + 2_000).toISOString() }
    const { tenant, register, source, on, put } = await start(
      {},
      { integration_type: 'temporary', ...range },
    )
    await layEvents(database.pool, { count: 500, tenant })
    await register()
    await put()
    await until('it is gone', async () => (await on()).status === 404)
    const { rows } = await database.pool.query(
      `select reason, events from config_log
       cross join (select sum(events)::integer as events from export_file where tenant = $1) as f
       where tenant = $1 and action = 'integration_completed'`,
      [tenant],
    )
    expect(rows).toMatchObject([
      { reason: expect.stringContaining('501 delivered, 0 rejected'), events: 501 },
    ])
    expect((await store.keys(source.bucket)).length).toBeLessThanOrEqual(3)
  })

  it('go to another bucket after an update', async () => {
    const { bucket, register, put, on } = await start()
    await register()
    await put()
    await on('/_stop', 'POST')
    await store.createBucket(`${bucket}-2`)
    const { aws_region } = s3Parameters(store.endpoint, bucket)
    const update = { s3_parameters: { aws_region, bucket: `${bucket}-2`, key_prefix: 'new' } }
    expect(await on('', 'PATCH', update)).toMatchObject({
      status: 200,
      body: { s3_parameters: { bucket: `${bucket}-2`, endpoint: store.endpoint } },
    })
    await on('/_start', 'POST')
    await put()
    // The keys, which nobody can read back, are still there.
    await on('/_stop', 'POST')
    expect((await store.keys(bucket)).length).toBe(1)
    expect(await store.keys(`${bucket}-2`)).toMatchObject([expect.stringMatching(/^new\//)])
  })

  it('stop with the reason where the bucket is missing, and go on with the same file', async () => {
    const { tenant, bucket, register, put, on, source, filesOf } = await start({
      bucket: 'no-such',
    })
    await register()
    await put()
    await until('it is stopped', async () => (await on()).body['status'] === 'stopped')
    const { body } = await on('/logs')
    expect(body).toMatchObject({
      entries: [
        {
          action: 'integration_stopped',
          reason: expect.stringMatching(/refused.*s3:\/\/no-such\/.*NoSuchBucket/),
        },
        { action: 'event_refused' },
        { action: 'integration_started' },
      ],
    })
    const update = { s3_parameters: { ...s3Parameters(store.endpoint, bucket) } }
    expect(await on('', 'PATCH', update)).toMatchObject({ status: 200 })
    await on('/_start', 'POST')
    await put()
    await filesOf(2)
    expect(await checkFiles(await filesOf(2), source, { tenant })).toBe(2)
    const { key } = (await filesOf(2)).at(-1) as { key: string }
    expect(JSON.stringify(body)).toContain(key)
  })

  it('are listed in pages, and only with sense', async () => {
    const { on } = await start()
    expect(await on('/files')).toMatchObject({ status: 404 })
    const { register, on: ask } = await start()
    await register()
    expect((await ask('/files')).body).toEqual({ files: [] })
    for (const query of ['limit=0', 'limit=x', 'limit=1001', 'before=yesterday']) {
      expect(await ask(`/files?${query}`)).toMatchObject({ status: 400 })
    }
  })
})

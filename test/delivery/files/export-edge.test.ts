// Files where something is out of the ordinary: a clock that was set back, events that retention
// took, stores that say nothing, prefixes that look like something else.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish } from '../../../scripts/kit/client.ts'
import { type Receiver, startReceiver, status } from '../../../scripts/kit/receiver.ts'
import { type Store, s3Parameters, startStore } from '../../../scripts/kit/store.ts'
import { until } from '../../../scripts/kit/until.ts'
import { useDatabase } from '../../helpers/database.ts'
import { checkFiles, listFiles } from '../../helpers/files.ts'
import { api, type Service, startService } from '../../helpers/service.ts'

const WINDOW_MS = 500
const database = useDatabase()
let service: Service
let store: Store
let receiver: Receiver
beforeAll(async () => {
  store = await startStore('fauxqs')
  receiver = await startReceiver(status(503))
  service = await startService('start', {
    DATABASE_URL: database.url,
    MILLRACE_S3_WINDOW_MS: String(WINDOW_MS),
    MILLRACE_SWEEP_MS: '100',
    MILLRACE_RETRY_BASE_MS: '1000',
    MILLRACE_DELIVERY_TIMEOUT_MS: '300000',
  })
})
afterAll(async () => {
  await service.kill('SIGKILL')
  await receiver.close()
  await store.close()
})

/** An integration of a tenant of its own, whose bucket has the tenant's name. */
async function start(tenant: string, parameters = {}) {
  const headers = { tenant }
  await store.createBucket(tenant)
  const { on } = api(service, tenant)
  const register = (id = 'files', more = {}) =>
    call(service.url + EVENTSTREAM, {
      headers,
      body: JSON.stringify({
        id,
        integration_type: 'permanent',
        s3_parameters: s3Parameters(store.endpoint, tenant, { ...parameters, ...more }),
      }),
    })
  const put = (key: string) => publish(service.url, { tenant, key, payload: '{}' })
  const filesOf = (events: number) =>
    until(`${events} events are in files`, async () => {
      const files = await listFiles(service.url, 'files', { tenant })
      return files.reduce((sum, { count }) => sum + count, 0) >= events && files
    })
  const check = async (events: number) => {
    const source = { store, bucket: tenant, pool: database.pool }
    expect(await checkFiles(await filesOf(events), source, { tenant })).toBe(events)
  }
  return { on, register, put, filesOf, check }
}

it.each([
  ['slash', '/a'],
  ['slashes', 'a//b'],
  ['up', '../up'],
  ['dots', 'x/..'],
  ['dot', '.'],
  ['percent', 'a%'],
  ['question', 'a?'],
  ['number', 'a#'],
  ['plus', 'a+'],
  ['accent', 'é'],
  ['space', 'a '],
])('a prefix with a %s is a prefix', async (tenant, key_prefix) => {
  const { register, put, check, filesOf } = await start(`prefix-${tenant}`, { key_prefix })
  expect(await register()).toMatchObject({ status: 200 })
  await put('1')
  const [file] = await filesOf(1)
  expect(file?.key.startsWith(`${key_prefix}/prefix-${tenant}/`)).toBe(true)
  await check(1)
})

it.each(['a\u0000', 'a\n', 'a\ud800', 'a/', ''])('a prefix like %j is none', async (key_prefix) => {
  const { register } = await start(`none-${key_prefix.codePointAt(1) ?? 0}`, { key_prefix })
  const { status, body } = await register()
  expect(status).toBe(400)
  expect(JSON.stringify(body)).toContain('key_prefix')
})

it('whose events retention has taken are not written', async () => {
  const { on, register, put, check } = await start('retired')
  await register()
  expect(await on('files', '/_stop', 'POST')).toMatchObject({ body: { status: 'stopped' } })
  const { rows } = await database.pool.query(`
    insert into export_file (
      tenant, position, consumer, run, version, key, from_position, first_position, to_position
    )
    select tenant, read_position + 1, consumer, run, 1, 'retired/1-data-x.export',
      read_position, read_position + 1, read_position + 2
    from cursor where tenant = 'retired'
    returning key`)
  expect(rows).toHaveLength(1)
  await on('files', '/_start', 'POST')
  await put('1')
  await check(1)
  const { rows: files } = await database.pool.query(
    `select state from export_file where tenant = 'retired' order by position`,
  )
  expect(files).toEqual([{ state: 'abandoned' }, { state: 'finished' }])
})

it('are not held up by stores that say nothing', async () => {
  const { on, register, put, check } = await start('silent')
  const dead = Array.from({ length: 6 }, (_, i) => `dead-${i}`)
  await register()
  for (const id of dead) await register(id, { endpoint: receiver.url })
  await put('1')
  for (const id of dead) {
    const isInterrupted = async () => (await on(id, '/stats')).body['status'] === 'interrupted'
    await until(`${id} is interrupted`, isInterrupted)
  }
  receiver.answer = () => {}
  const asked = receiver.received.length
  await until('they are asked again', () => receiver.received.length > asked + 1)
  await put('2')
  await check(2)
  // A stop does not wait for them either, nor for a turn.
  const stopped = await Promise.all(dead.map((id) => on(id, '/_stop', 'POST')))
  expect(stopped.map(({ body }) => body['status'])).toEqual(dead.map(() => 'stopped'))
})

it('end and are listed where the clock was set back', async () => {
  // The log goes on from where it is, two hours ahead of the clock.
  await database.pool.query(
    `select setval('lane_position', position_of(now() + interval '2 hours'))`,
  )
  const { register, put, check, filesOf } = await start('clock')
  await register()
  await put('1')
  const [first] = await filesOf(1)
  await put('2')
  const [second] = await filesOf(2)
  await check(2)
  expect(Date.parse(String(second?.finished_at))).toBeGreaterThanOrEqual(
    Date.parse(String(first?.finished_at)) + WINDOW_MS,
  )
})

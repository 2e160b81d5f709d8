// /readyz tells the truth: of a server whether a publish would succeed now, of a worker whether it
// can deliver. Both heal by themselves.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, publish } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { onlyRow } from '../../src/db/only-row.ts'
import { useDatabase } from '../helpers/database.ts'
import { monitorOf } from '../helpers/scrape.ts'
import { type Service, startService } from '../helpers/service.ts'
import { startWire, type Wire } from '../helpers/wire.ts'

const database = useDatabase()
let server: Service
let worker: Service
let wire: Wire
beforeAll(async () => {
  wire = await startWire(database.url)
  server = await startService('serve', { DATABASE_URL: wire.url })
  worker = await startService('work', { DATABASE_URL: wire.url, MILLRACE_MONITOR_PORT: '0' })
})
afterAll(async () => {
  await Promise.all([server.kill('SIGTERM'), worker.kill('SIGTERM')])
  await wire.close()
})

const ready = async (url: string) => {
  const { status, body } = await call<{ message?: string }>(`${url}/readyz`, { token: null })
  return { status, message: body.message }
}
const isReady = async (url: string) => (await ready(url)).status === 200

it('is asked without a token, of a server and of a worker', async () => {
  for (const url of [server.url, monitorOf(worker)]) {
    expect(await call(`${url}/healthz`, { token: null })).toMatchObject({ status: 200 })
    expect(await ready(url)).toMatchObject({ status: 200 })
  }
})

it('says so while the database is away, and when it is back', async () => {
  wire.goDown()
  for (const url of [server.url, monitorOf(worker)]) {
    expect(await ready(url)).toEqual({ status: 503, message: 'The database cannot be reached.' })
    expect(await call(`${url}/healthz`, { token: null })).toMatchObject({ status: 200 })
  }
  wire.comeUp()
  for (const url of [server.url, monitorOf(worker)]) await until('ready again', () => isReady(url))
})

it('says so while the log takes nothing, though everything else answers', async () => {
  const today = await database.pool.query<{ name: string }>(
    `select to_char(now() at time zone 'UTC', '"event_"YYYYMMDD') as name`,
  )
  const { name } = onlyRow(today)
  const client = await database.admin.pool.connect()
  const bound = await client.query(
    `select pg_get_expr(relpartbound, oid) as bound from pg_class where relname = $1`,
    [name],
  )
  await client.query(`alter table event detach partition ${name}`)
  expect((await publish(server.url, { key: 'none', payload: '{}' })).status).toBe(503)
  expect(await ready(server.url)).toEqual({
    status: 503,
    message: 'Today has no partition in the log.',
  })
  await client.query(`alter table event attach partition ${name} ${bound.rows[0].bound}`)
  client.release()
  await until('ready again', () => isReady(server.url))
  expect((await publish(server.url, { key: 'one', payload: '{}' })).status).toBe(201)
})

it('says so while another holds the lane', async () => {
  const client = await database.pool.connect()
  await client.query('begin')
  await client.query('select next_position()')
  expect((await ready(server.url)).status).toBe(503)
  await client.query('rollback')
  client.release()
  expect(await isReady(server.url)).toBe(true)
})

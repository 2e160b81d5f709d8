// A consumer restored by `rebuild config --apply`: its cursor where it surely had come to, and
// never ahead of that, and nothing over a change that is made at the same moment.

import { beforeAll, expect, it } from 'vitest'
import { call, EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { createJob } from '../../scripts/kit/jobs.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'
import { empty, rebuilt } from './rebuilding.ts'

const database = useDatabase()
const TARGET = 'http://127.0.0.1:9/'
const HOUR_MS = 3_600_000
const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString()
// Nobody works: what is not written here is nowhere.
const service = useService('serve', database)
beforeAll(async () => {
  await register(service.url, 'erp', TARGET)
})

const act = (id: string, action: string, method = 'POST') =>
  call(`${service.url}${EVENTSTREAM}/${id}${action}`, { method })
const apply = async () =>
  expect(await rebuilt(database, { apply: true })).toMatchObject({ isSame: true })
async function cursorOf(id: string): Promise<Record<string, unknown>> {
  const { rows } = await database.pool.query(
    `select run, read_position, stop_position, created_position, status
     from cursor join consumer on id = consumer and consumer.tenant = cursor.tenant
     where id = $1`,
    [id],
  )
  expect(rows).toHaveLength(1)
  return rows[0]
}
/** A receipt that says that all after `from` was settled up to `to`, written at `at`. */
const settled = (id: string, run: number, from: string, to: string, at: string) =>
  database.admin.pool.query(
    `insert into receipt
     select tenant, ${at}, id, ${run}, 1, ${from}, ${to}, 1, 0, 0, '{}'
     from consumer where id = $1`,
    [id],
  )

it('reads the entries of one alone', async () => {
  const client = await database.pool.connect()
  await client.query('begin; set local enable_seqscan = off')
  for (const [call, id] of [
    [`rebuilt_consumer() as r where tenant = 'dodici' and r.id = 'erp'`, 'erp'],
    [`rebuilt_notification_sender() as r where tenant = 'dodici'`, 'sender:sendgrid'],
    [
      `rebuilt_registered_event_type() as r where tenant = 'dodici' and log_id = 'event_type:a.b'`,
      'event_type:a.b',
    ],
    [`rebuilt_notification_job() as r where tenant = 'dodici' and log_id = 'job:a'`, 'job:a'],
  ]) {
    const { rows } = await client.query(`explain select from ${call}`)
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(plan).toMatch(`Index Cond: ((tenant = 'dodici'::text) AND (id = '${id}'::text))`)
  }
  await client.query('rollback')
  client.release()
})

it('starts from its beginning where no receipt tells how far it came', async () => {
  const starts_at = ago(1)
  await register(service.url, 'dated', TARGET, { starts_at })
  await createJob(service.url)
  await empty(database, 'cursor')
  await apply()
  const { created_position } = await cursorOf('erp')
  expect(await cursorOf('erp')).toMatchObject({ run: 0, read_position: created_position })
  expect(await cursorOf('dated')).toMatchObject({
    read_position: Date.parse(starts_at) * 1_000 - 1,
    stop_position: null,
  })
  expect(await cursorOf('projection:shop')).toMatchObject({ read_position: 0 })
})

it('goes on behind what its receipts say, of its own run', async () => {
  const [starts_at, ends_at] = [ago(2), ago(1)]
  const range = { integration_type: 'temporary', starts_at, ends_at }
  await register(service.url, 'replay', TARGET, range)
  const { created_position: registered } = await cursorOf('replay')
  const from = Date.parse(starts_at) * 1_000 - 1
  const at = `${registered} + 1`
  await settled('replay', 1, `${from}`, `${from} + 5`, at)
  await settled('replay', 2, `${from}`, `${from} + 9`, at)
  // What was settled out of turn, beyond an event that was not: it has no counts.
  await settled('replay', 1, `${from} + 6`, `${from} + 8`, `${registered} + 2`)
  await database.admin.pool.query(`update receipt set delivered = 0 where position = $1`, [
    Number(registered) + 2,
  ])
  await act('replay', '/_stop')
  const { rows: live } = await database.pool.query(`select * from consumer where id = 'replay'`)
  await empty(database, 'consumer', 'cursor')
  await apply()
  expect(await cursorOf('replay')).toMatchObject({
    run: 1,
    read_position: from + 5,
    status: 'stopped',
    stop_position: Date.parse(ends_at) * 1_000,
  })
  const { rows } = await database.pool.query(`select * from consumer where id = 'replay'`)
  expect(rows).toEqual(live)
  expect(rows[0].stopped_position).toBeGreaterThan(registered as number)
})

it('does not take the receipts of an earlier life for its own', async () => {
  const starts_at = ago(1)
  await register(service.url, 'reborn', TARGET, { starts_at })
  await act('reborn', '', 'DELETE')
  await register(service.url, 'reborn', TARGET, { starts_at })
  // Written before the clock was set back, so above the second registration.
  const at = 'created_position + 1000000'
  await settled('reborn', 0, 'created_position - 1000', 'created_position - 1', at)
  await empty(database, 'cursor')
  await apply()
  const start = Date.parse(starts_at) * 1_000 - 1
  expect(await cursorOf('reborn')).toMatchObject({ read_position: start })
})

it('gives way to a registration that is faster', async () => {
  await empty(database, 'consumer', 'cursor')
  const client = await database.pool.connect()
  const document = { integration_type: 'permanent', callback_parameters: { callback_url: 'x' } }
  await client.query('begin')
  const { rows: registered } = await client.query(
    `select register_consumer('dodici', 'integration', 'erp', $1, 'stopped',
       'integration_stopped', 'ada', 'x', null, null, 10) as outcome`,
    [document],
  )
  expect(registered).toEqual([{ outcome: 'registered' }])
  const applied = rebuilt(database, { apply: true })
  const waiting = await until('it waits for the lane', async () => {
    const { rows } = await database.admin.pool.query(
      `select exists (
         select from pg_locks
         where pg_locks.pid = pg_stat_activity.pid and relation = 'receipt'::regclass
       ) as has_read
       from pg_stat_activity
       where wait_event_type = 'Lock' and query ~ 'rebuild_consumer'
         and datname = current_database()`,
    )
    return rows[0]
  })
  // With the lane it would hold up every publisher meanwhile.
  expect(waiting).toEqual({ has_read: true })
  await client.query('commit')
  client.release()
  expect(await applied).toMatchObject({ isSame: true })
  const { rows } = await database.pool.query(
    `select document, version from consumer where id = 'erp'`,
  )
  expect(rows).toEqual([{ document, version: 1 }])
})

// Statements behind each other on one connection: their order, a failure among them, and a
// connection that breaks under them.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { maySendAgain } from '../../src/db/failure.ts'
import { createPipe } from '../../src/db/pipe.ts'
import { type Database, openDatabase } from '../../src/db/pool.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
let piped: Database
beforeAll(async () => {
  const logger = createLogger('silent')
  piped = openDatabase(database.url, { durability: 'durable', max: 4, pipeline: true, logger })
  await database.admin.pool.query(`
    create table line (number bigint generated always as identity, text text);
    grant select, insert on line to public`)
})
afterAll(() => piped.close())

const insert = (text: string) => ({
  name: 'insert_line',
  text: 'insert into line (text) values ($1) returning number, pg_backend_pid() as pid',
  values: [text],
})

it('carries them out in their order, on one connection, and each fails alone', async () => {
  const { query } = createPipe(piped.pool)
  const first = query<{ pid: number }>(insert('first'))
  const wrong = query({ text: 'select 1 / $1::integer', values: [0] })
  const last = query<{ pid: number }>(insert('last'))
  await expect(wrong).rejects.toMatchObject({ code: '22012' })
  expect((await first).rows[0]?.pid).toBe((await last).rows[0]?.pid)
  const { rows } = await database.pool.query('select text from line order by number')
  expect(rows.map(({ text }) => text)).toEqual(['first', 'last'])
  await until('the connection is given back', () => piped.pool.idleCount === 1)
})

it('rejects what is under way where the connection breaks, and goes on with another', async () => {
  const { query } = createPipe(piped.pool)
  const blocker = await database.pool.connect()
  await blocker.query('select pg_advisory_lock(1)')
  const underWay = [
    query({ text: 'select pg_advisory_lock($1)', values: [1] }),
    query(insert('never')),
  ]
  const settled = Promise.allSettled(underWay)
  const waiting = `select pid from pg_stat_activity
    where wait_event = 'advisory' and datname = current_database()`
  const pid = await until('it waits', async () => (await blocker.query(waiting)).rows[0]?.pid)
  await blocker.query('select pg_terminate_backend($1)', [pid])
  for (const outcome of await settled) {
    expect(outcome.status === 'rejected' && maySendAgain(outcome.reason)).toBe(true)
  }
  expect((await query<{ pid: number }>(insert('after'))).rows[0]?.pid).not.toBe(pid)
  await blocker.query('select pg_advisory_unlock(1)')
  blocker.release()
})

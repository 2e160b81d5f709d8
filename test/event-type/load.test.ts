// Loading what tenants have registered: each gets its own, and many cost few queries.

import { Kysely, PostgresDialect } from 'kysely'
import { beforeAll, expect, it } from 'vitest'
import type { Tables } from '../../src/db/tables.ts'
import { createTypeLoader } from '../../src/event-type/load.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const TENANTS = 200
const tenants = Array.from({ length: TENANTS }, (_, n) => `t${n}`)
let queries = 0
let load: ReturnType<typeof createTypeLoader>

beforeAll(async () => {
  await database.pool.query(
    `insert into registered_event_type
     select 't' || n, 'name.of' || n, n + 1, '{"schema": {}, "on_violation": "warn"}', 1
     from generate_series(0, $1 - 1, 2) as n`,
    [TENANTS],
  )
  const dialect = new PostgresDialect({ pool: database.pool })
  load = createTypeLoader(new Kysely<Tables>({ dialect, log: () => void queries++ }))
})

it('loads one at once, and gives it what it has registered', async () => {
  queries = 0
  const stored = { name: 'name.of4', version: 5, on_violation: 'warn', schema: '{}' }
  expect(await load('t4')).toEqual([expect.objectContaining(stored)])
  expect(await load('t5')).toEqual([])
  expect(await load('unknown')).toEqual([])
  expect(queries).toBe(3)
})

it('loads those of many with few queries', async () => {
  queries = 0
  const all = await Promise.all(tenants.map(load))
  expect(all.map((types) => types.map(({ name }) => name))).toEqual(
    tenants.map((_, n) => (n % 2 === 0 ? [`name.of${n}`] : [])),
  )
  expect(queries).toBeLessThanOrEqual(15)
})

it('rejects those of a failed query, and loads again after it', async () => {
  await database.admin.pool.query('alter table registered_event_type rename to elsewhere')
  queries = 0
  const failed = await Promise.allSettled(tenants.map(load))
  await database.admin.pool.query('alter table elsewhere rename to registered_event_type')
  expect(failed.every(({ status }) => status === 'rejected')).toBe(true)
  expect(queries).toBe(2)
  expect(await load('t4')).toHaveLength(1)
})

it('does not wait for ever for queries without an answer', async () => {
  const holder = await database.admin.pool.connect()
  await holder.query('begin; lock table registered_event_type in access exclusive mode')
  const asked = tenants.slice(0, 100).map(load)
  await expect.poll(blocked, { timeout: 10_000 }).toBe(2)
  // Sooner or later one that asks gets a query of its own, and takes along those that wait.
  const another = () => {
    asked.push(load('t100'))
    return blocked()
  }
  await expect.poll(another, { timeout: 10_000, interval: 100 }).toBe(3)
  await holder.query('commit')
  holder.release()
  const found = await Promise.all(asked)
  expect(found.slice(0, 100).filter(({ length }) => length === 1)).toHaveLength(50)
  expect(found.slice(100).every(({ length }) => length === 1)).toBe(true)
})

/** How many queries for types wait for a lock. */
async function blocked(): Promise<number> {
  const { rows } = await database.admin.pool.query(
    `select from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and query ~ 'load_types'`,
  )
  return rows.length
}

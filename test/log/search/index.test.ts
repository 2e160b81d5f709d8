// The index of ids: built while others publish, used on each day whatever the planner expects of
// it, and flushed behind the log. The plans of a search along the log.

import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../../../src/db/migrate.ts'
import { openDatabase } from '../../../src/db/pool.ts'
import { appendEvents } from '../../../src/log/append.ts'
import { searchFilterOf } from '../../../src/log/filter.ts'
import { createPartitions } from '../../../src/log/partitions.ts'
import { END_OF_LOG } from '../../../src/log/position.ts'
import { scanQuery } from '../../../src/log/search/scan.ts'
import { createLogger } from '../../../src/logger.ts'
import { flushEventIds } from '../../../src/maintenance/event-ids.ts'
import { useDatabase } from '../../helpers/database.ts'
import { anEvent } from '../../helpers/factory.ts'
import { asRole } from '../../helpers/postgres.ts'
import { undoEventIds } from '../../helpers/undo.ts'

type Plan = { 'Node Type': string; 'Index Name'?: string; Plans?: Plan[] }

const database = useDatabase()
const logger = createLogger('silent')
let indexes: { name: string; isValid: boolean; isAttached: boolean }[]

beforeAll(async () => {
  const { admin } = database
  await createPartitions(database.pool)
  await admin.pool.query(undoEventIds)
  // Past days, of which one has rows that no analysis knows.
  await admin.pool.query(`
    select create_partition('event', (now() at time zone 'UTC')::date - day, 1)
    from generate_series(2, 35) as day`)
  await admin.pool.query(`
    insert into event
    select 'dodici', position_of(now() - interval '5 days') + i, 'order.created', 'o-' || i % 500,
      'k' || i, 't', 's', '{}', 2, '{}'
    from generate_series(1, 20000) as i`)
  let isOver = false
  // As a process of the version before does, without the columns of later migrations.
  const publishing = (async () => {
    let count = 0
    for (; !isOver; count++) {
      await database.pool.query(
        `insert into event
         select 'dodici', position_of(clock_timestamp()), 'order.created', 'o-7',
           'n' || $1::integer, 't', 's', '{}', 2, '{}'`,
        [count],
      )
    }
    return count
  })()
  await migrate(asRole(database.url, 'owner'), logger)
  isOver = true
  expect(await publishing).toBeGreaterThan(0)
  const { rows } = await admin.pool.query(`
    select relname as name, indisvalid as "isValid", relispartition as "isAttached"
    from pg_index
    join pg_class on pg_class.oid = indexrelid
    where pg_get_indexdef(indexrelid) ~* 'using gin \\(event_ids'
    order by relname`)
  indexes = rows
})

const positionsOf = async (id: string) => {
  const { rows } = await database.pool.query(
    `select count(*)::integer as count
     from events_of_id('dodici', $1, 0, 9007199254740991, false, 100000)`,
    [id],
  )
  return rows[0].count
}

it('is built by the migration for each day, and made for each later one', () => {
  // The 34 days above, from yesterday to a week ahead, and the log.
  expect(indexes.length).toBe(34 + 9 + 1)
  expect(indexes.filter(({ isValid }) => !isValid)).toEqual([])
  const [parent, ...others] = indexes.filter(({ isAttached }) => !isAttached)
  expect([parent?.name, others]).toEqual(['event_by_id', []])
})

it('finds what was there before it, and what came while it was built', async () => {
  const { rows } = await database.pool.query(
    `select count(*)::integer as count from event where tenant = 'dodici' and entity_id = 'o-7'`,
  )
  expect(rows[0].count).toBeGreaterThan(40)
  expect(await positionsOf('o-7')).toBe(rows[0].count)
})

it('is flushed by a worker, and finds the same before and after', async () => {
  await appendEvents(database.pool, [anEvent({ entityId: 'late' })])
  expect(await positionsOf('late')).toBe(1)
  await flushEventIds(database.pool)
  expect(await positionsOf('late')).toBe(1)
})

describe('the plans', () => {
  let client: pg.PoolClient
  const explained: { 'Query Text': string; Plan: Plan }[] = []
  beforeAll(async () => {
    client = await database.admin.pool.connect()
    client.on('notice', ({ message }) => {
      const json = /^duration: .* plan:\n([\s\S]*)$/.exec(message ?? '')?.[1]
      if (json) explained.push(JSON.parse(json))
    })
    await client.query(`
      load 'auto_explain';
      set auto_explain.log_min_duration = 0;
      set auto_explain.log_nested_statements = on;
      set auto_explain.log_format = 'json';
      set auto_explain.log_level = 'notice';
      set client_min_messages = 'notice'`)
  })
  afterAll(() => client.release(true))

  const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

  it.each(['', `set enable_bitmapscan = off; set plan_cache_mode = force_generic_plan`])(
    'of an id read the index of each day, also in a session that forbids bitmaps: %j',
    async (settings) => {
      await client.query(settings)
      explained.length = 0
      await client.query(
        `select * from events_of_id('dodici', 'o-7', 0, ${Number.MAX_SAFE_INTEGER}, false, 2000)`,
      )
      const ofDays = explained.filter((one) => /from event_\d{8}/.test(one['Query Text']))
      expect(ofDays).toHaveLength(34 + 9)
      for (const { Plan } of ofDays) {
        const kinds = nodesOf(Plan).map((node) => node['Node Type'])
        expect(kinds).toEqual(['Limit', 'Bitmap Heap Scan', 'Bitmap Index Scan'])
      }
    },
  )

  it.each([false, true])(
    'of the log follow its key without a sort, backwards: %s',
    async (descending) => {
      const relaxed = openDatabase(database.url, { durability: 'relaxed', max: 1, logger })
      const range = { tenant: 'dodici', after: 0, before: END_OF_LOG, descending }
      const query = scanQuery(range, searchFilterOf({ name: 'order.*' }, []), 100)
      const { sql, parameters } = query.compile(relaxed.kysely)
      await relaxed.pool.query(sql, [...parameters])
      const name = /prepared: (\w+)/.exec(sql)?.[1]
      const literals = parameters.map((value) =>
        value === null ? 'null' : `'${Array.isArray(value) ? `{${value}}` : value}'`,
      )
      const { rows } = await relaxed.pool.query(`explain (costs off) execute ${name}(${literals})`)
      await relaxed.close()
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      expect(plan).not.toMatch(/\bSort\b|Seq Scan|Merge Append/)
      expect(plan).toMatch(/Index Scan (Backward )?using event_\d+_pkey/)
      expect(plan).toMatch(/Index Cond: .*tenant = \$\d+.*"position" > \$\d+.*"position" < \$\d+/)
    },
  )
})

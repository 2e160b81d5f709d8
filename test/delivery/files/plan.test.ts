// What a file is planned to hold is what its lines are: to the byte, for any limit, filter and
// payload.

import type pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/db/pool.ts'
import { type Content, createLineReader } from '../../../src/delivery/files/lines.ts'
import type { OpenFile } from '../../../src/delivery/files/manifest.ts'
import { type Plan, planFile } from '../../../src/delivery/files/plan.ts'
import { appendEvents } from '../../../src/log/append.ts'
import type { EventFilter } from '../../../src/log/event.ts'
import { rawQuery, sizesQuery } from '../../../src/log/raw.ts'
import { measuredPageQuery, pageQuery } from '../../../src/log/read.ts'
import { createLogger } from '../../../src/logger.ts'
import { useDatabase } from '../../helpers/database.ts'
import { anEvent } from '../../helpers/factory.ts'
import { layEvents } from '../../helpers/files.ts'

const tenant = 'dodici'
const database = useDatabase()
let newest = 0
beforeAll(async () => {
  // Small ones of many lengths, then large ones, the largest in the middle of small ones.
  for (let bytes = 1; bytes < 12_000; bytes = Math.ceil(bytes * 1.7)) {
    await layEvents(database.pool, { count: 40, bytes })
  }
  await layEvents(database.pool, { count: 2, bytes: 900_000 })
  await layEvents(database.pool, { count: 700, bytes: 20 })
  const { rows } = await database.pool.query('select max(position) as newest from event')
  newest = rows[0].newest
})

const plan = (after: number, maxBytes: number, filter: EventFilter | null) =>
  planFile(database.pool, { tenant, after, through: newest, filter, isLive: true, maxBytes })

async function contentOf(
  fromPosition: number,
  toPosition: number,
  filter: EventFilter | null,
  ends?: number[],
) {
  const content: Content = { positions: [], filtered: 0 }
  const file = { fromPosition, toPosition, filter } as OpenFile
  const chunks: Buffer[] = []
  for await (const chunk of createLineReader(database.pool)(
    { tenant, run: 0 },
    file,
    content,
    ends,
  )) {
    chunks.push(Buffer.from(chunk))
  }
  const lines = Buffer.concat(chunks)
  return { ...content, lines }
}

describe.each([
  ['everything', null],
  ['one name', { names: ['order.opened'], entities: [] }],
  ['nothing', { names: [], entities: ['return', "d'or"] }],
] as [string, EventFilter | null][])('a filter that takes %s', (_, filter) => {
  it.each([1, 1_000, 100_000, 1_000_000, 52_428_800])(
    'files of %i bytes',
    async (maxBytes) => {
      const positions: number[] = []
      let after = 0
      let last: Plan
      do {
        last = await plan(after, maxBytes, filter)
        const { lines, filtered, ...content } = await contentOf(after, last.through, filter)
        // Planned by the run that writes it, or by one before.
        const planned = await contentOf(after, last.through, filter, last.ends)
        expect(planned.lines.equals(lines)).toBe(true)
        expect(planned.filtered).toBe(filtered)
        expect(lines.length).toBe(last.bytes)
        expect(content.positions.length).toBe(last.events)
        expect(content.positions[0] ?? null).toBe(last.first)
        expect(filtered).toBeGreaterThanOrEqual(last.leading)
        expect(lines.toString().split('\n').length - 1).toBe(last.events)
        if (last.events > 1) expect(last.bytes).toBeLessThanOrEqual(maxBytes)
        positions.push(...content.positions)
        // As much as fits: with the first line of what follows it would be too much.
        const next = await plan(last.through, 1, filter)
        if (last.isFull) expect(last.bytes + next.bytes).toBeGreaterThan(maxBytes)
        after = last.through
      } while (last.isFull)
      expect(after).toBe(newest)
      const { rows } = await database.pool.query(
        `select position from event where $1::text is null or name = $1 order by position`,
        [filter && (filter.names[0] ?? 'none')],
      )
      expect(positions).toEqual(rows.map(({ position }) => position))
    },
    120_000,
  )
})

it('passes over imported events, unless it is of a replay', async () => {
  const own = `${tenant}-imported`
  const [event] = await appendEvents(database.pool, [anEvent({ tenant: own, live: false })])
  const { position } = event as { position: number }
  const range = { tenant: own, after: position - 1, through: position, filter: null }
  const planOf = (isLive: boolean) =>
    planFile(database.pool, { ...range, isLive, maxBytes: 1_000_000 })
  expect(await planOf(true)).toMatchObject({ first: null, leading: 1, events: 0 })
  expect(await planOf(false)).toMatchObject({ first: position, leading: 0, events: 1 })
  const file = { fromPosition: position - 1, toPosition: position, filter: null } as OpenFile
  for (const run of [0, 1]) {
    const content: Content = { positions: [], filtered: 0 }
    const lines = createLineReader(database.pool)({ tenant: own, run }, file, content)
    for await (const _ of lines);
    expect(content).toEqual({ positions: run === 0 ? [] : [position], filtered: 1 - run })
  }
})

it.each([['not analysed yet'], ['analysed']])(
  'of a day that is %s, looks at the primary key, and sorts nothing',
  async (state) => {
    const isNew = state !== 'analysed'
    const { url } = database
    const relaxed = openDatabase(url, {
      durability: 'relaxed',
      max: 1,
      logger: createLogger('silent'),
    })
    const fresh = `${tenant}-${isNew}`
    await layEvents(database.pool, { count: 30_000, bytes: 100, tenant: fresh })
    if (!isNew) await database.admin.pool.query('analyze event')
    const through = newest + 86_400_000_000
    const after = newest - 3_600_000_000
    const range = { tenant: fresh, after, through, filter: null, isLive: true }
    const page = { ...range, maxEvents: 500, maxBytes: 4_000_000 }
    for (const query of [pageQuery(page, 8_000), measuredPageQuery(page)]) {
      const { sql, parameters } = query.compile(database.kysely)
      expectPlan(await explain(relaxed.pool, sql, [...parameters]))
    }
    const { ends } = await planFile(relaxed.pool, { ...range, maxBytes: 1_000_000 })
    expectPlan(await explain(relaxed.pool, rawQuery({ ...range, through: ends[0] as number }, 500)))
    expectPlan(await explain(relaxed.pool, sizesQuery(range, 10_000)))
    await relaxed.close()
  },
  60_000,
)

async function explain(pool: pg.Pool, query: string, values: unknown[] = []): Promise<string> {
  const { rows } = await pool.query(`explain (costs off) ${query}`, values)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

function expectPlan(text: string): void {
  expect(text).toMatch(/Index Scan using event_\d+_pkey/)
  expect(text).not.toMatch(/\bSort\b/)
}

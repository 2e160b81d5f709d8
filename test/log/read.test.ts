// Pages of the log: bounds, filters, bytes, days; and the plan of the very query.

import pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/db/pool.ts'
import { appendEvents } from '../../src/log/append.ts'
import { measuredPageQuery, pageQuery, readEvents, readPage } from '../../src/log/read.ts'
import { shownPageQuery } from '../../src/log/shown-page.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const logger = createLogger('silent')
const names = ['order.created', 'order.opened', 'invoice.created']
let positions: number[] = []
const whole = {
  tenant: 'dodici',
  after: 0,
  through: Number.MAX_SAFE_INTEGER,
  maxEvents: 500,
  maxBytes: 1e9,
  filter: null,
  isLive: true,
}

beforeAll(async () => {
  const events = Array.from({ length: 90 }, (_, i) =>
    anEvent({ name: names[i % 3] as string, payload: Buffer.from(`{"i":${i}}`) }),
  )
  const others = Array.from({ length: 400 }, () => anEvent({ tenant: 'another' }))
  positions = (await appendEvents(database.pool, events)).map(({ position }) => position)
  await appendEvents(database.pool, others)
  whole.after = (positions[0] as number) - 1
  whole.through = (positions.at(-1) as number) + 86_400_000_000
})

describe('readPage', () => {
  it("gives a tenant's own events in order, page by page", async () => {
    const { rows: first } = await readPage(database.kysely, { ...whole, maxEvents: 50 })
    const after = first.at(-1)?.position as number
    const { rows: second } = await readPage(database.kysely, { ...whole, after, maxEvents: 50 })
    const seen = [...first, ...second].map(({ position }) => position)
    expect(seen).toEqual(positions)
    expect(first[7]).toMatchObject({ payload: '{"i":7}', entityId: 'order-1' })
  })

  it('has an exclusive start and an inclusive end', async () => {
    const [a, b, c] = positions.slice(10, 13) as [number, number, number]
    const { rows } = await readPage(database.kysely, { ...whole, after: a, through: c })
    expect(rows.map(({ position }) => position)).toEqual([b, c])
  })

  it('takes what either list of a filter names, and shows the rest without payload', async () => {
    const filter = { names: ['order.opened'], entities: ['invoice'] }
    const { rows } = await readPage(database.kysely, { ...whole, filter })
    expect(rows).toHaveLength(90)
    for (const { name, payload } of rows) expect(payload === null).toBe(name === 'order.created')
  })

  it('cuts a page by bytes, but never before its first event', async () => {
    const { rows } = await readPage(database.kysely, { ...whole, maxBytes: 21 })
    expect(rows).toHaveLength(3)
    const smallest = await readPage(database.kysely, { ...whole, maxBytes: 1 })
    expect(smallest.rows).toHaveLength(1)
  })

  it('cuts a page at an event that is large, and measures the one that begins with it', async () => {
    const sizes = [10, 9_000, 10, 20_000, 30_000, 10]
    const events = sizes.map((bytes) =>
      anEvent({ tenant: 'large', payload: Buffer.from(`{"a":"${'x'.repeat(bytes)}"}`) }),
    )
    const appended = await appendEvents(database.pool, events)
    const through = appended.at(-1)?.position as number
    const pages: number[][] = []
    for (let after = whole.after, isLast = false; !isLast; ) {
      // Five events of at most 8,000 bytes, or some of at most 40,000 together.
      const range = { ...whole, tenant: 'large', after, through, maxEvents: 5, maxBytes: 40_000 }
      const page = await readPage(database.kysely, range)
      pages.push(page.rows.map(({ payload }) => (payload?.length ?? 0) - '{"a":""}'.length))
      after = page.rows.at(-1)?.position ?? after
      isLast = page.isLast
    }
    expect(pages.flat()).toEqual(sizes)
    expect(pages).toEqual([[10], [9_000, 10, 20_000, 30_000], [10]])
    const unwanted = { names: ['order.closed'], entities: [] }
    const all = { ...whole, tenant: 'large', through, maxBytes: 40_000, maxEvents: 5 }
    const { rows } = await readPage(database.kysely, { ...all, filter: unwanted })
    expect(rows.map(({ payload }) => payload)).toEqual(Array.from({ length: 5 }, () => null))
  })

  it('finds events that are days behind the position', async () => {
    const after = whole.after - 20 * 86_400_000_000
    expect((await readPage(database.kysely, { ...whole, after })).rows).toHaveLength(90)
  })

  it('is empty past the end', async () => {
    const after = positions.at(-1) as number
    expect(await readPage(database.kysely, { ...whole, after })).toEqual({ rows: [], isLast: true })
  })

  it('tells whether it was cut', async () => {
    const isLast = async (changes: object) =>
      (await readPage(database.kysely, { ...whole, ...changes })).isLast
    expect(await isLast({})).toBe(true)
    expect(await isLast({ maxEvents: 50 })).toBe(false)
    expect(await isLast({ maxBytes: 21 })).toBe(false)
    // Days that it did not look at hold more only if the log goes on there.
    const far = { through: whole.after + 20 * 86_400_000_000 }
    expect(await isLast(far)).toBe(true)
    const ahead = whole.after + 3 * 86_400_000_000
    await database.pool.query('select setval($1, $2)', ['lane_position', ahead])
    expect(await isLast(far)).toBe(false)
  })
})

it('reads single events by position', async () => {
  const wanted = [positions[3], positions[70], 17] as number[]
  const events = await readEvents(database.kysely, 'dodici', wanted, whole)
  expect(events.map(({ position }) => position)).toEqual([positions[3], positions[70]])
})

describe('the plan of a page', () => {
  beforeAll(async () => {
    await database.pool.query(
      `insert into event
       select 'dodici', $1::bigint + i, 'order.created', 'o', 'k' || i, 't', 's', '{}', 2, '{}'
       from generate_series(1, 20000) as i`,
      [whole.after + 1_000_000],
    )
    await database.admin.pool.query('analyze event')
  })

  const range = () => ({ ...whole, through: whole.after + 86_400_000_000 })
  it.each([
    ['', () => pageQuery(range(), 8_000)],
    ['that is measured ', () => measuredPageQuery(range())],
    ['with all that is shown ', () => shownPageQuery(range())],
  ])(
    '%sis a range of the primary key of the days that hold it, without a sort',
    async (_, query) => {
      const { sql, parameters } = query().compile(database.kysely)
      const plan = await planOfPrepared(sql, parameters)
      const partitions = plan.match(/Scan using \w+ on event_\d+/g) ?? []
      expect(partitions.length).toBeGreaterThan(0)
      expect(partitions.length).toBeLessThanOrEqual(2)
      expect(plan).not.toMatch(/\bSort\b|Seq Scan/)
      // Planned once, for any values; those of this run remove the other days.
      expect(plan).toMatch(/Index Cond: .*tenant = \$\d+.*"position" > \$\d+/)
      expect(plan).toMatch(/Subplans Removed: \d+/)
    },
  )

  async function planOfPrepared(text: string, values: readonly unknown[]): Promise<string> {
    const relaxed = openDatabase(database.url, { durability: 'relaxed', max: 1, logger })
    await relaxed.pool.query(text, [...values])
    const name = /prepared: (\w+)/.exec(text)?.[1]
    const literals = values.map((value) => pg.escapeLiteral(String(value)))
    const { rows } = await relaxed.pool.query(`explain (costs off) execute ${name}(${literals})`)
    await relaxed.close()
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }
})

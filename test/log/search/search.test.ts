// Searching the log over HTTP: every filter against a recomputation, pages in both directions while
// others publish, and days with so many events of an id that the index does not help.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, publish, send } from '../../../scripts/kit/client.ts'
import { appendEvents } from '../../../src/log/append.ts'
import { createPartitions } from '../../../src/log/partitions.ts'
import { timeOf } from '../../../src/log/position.ts'
import type { Server } from '../../../src/server.ts'
import { startHere } from '../../access/callers.ts'
import { useDatabase } from '../../helpers/database.ts'
import { anEvent } from '../../helpers/factory.ts'

type Shown = {
  position: number
  name: string
  entity_id: string
  correlation_ids: { order_id?: string; customer_id?: string }
}
type Page = { events: Shown[]; next: number | null }

const DAY_US = 86_400_000_000
const names = ['order.created', 'order.completed', 'orders.created', 'return.processed']
const ids = ['1', '2', '3', '4', '5']
const database = useDatabase()
let service: Server
/** Of a tenant with a few hundred events, over three days. */
let events: Shown[]

beforeAll(async () => {
  await createPartitions(database.pool)
  service = await startHere(database.url)
  const pick = (list: string[], i: number) => list[i % list.length] as string
  await appendEvents(
    database.pool,
    Array.from({ length: 400 }, (_, i) =>
      anEvent({
        name: pick(names, i),
        entityId: pick(ids, i * 7 + Math.floor(i / 9)),
        correlationIds: JSON.stringify({
          ...(i % 3 === 0 ? { order_id: pick(ids, Math.floor(i / 3)) } : {}),
          ...(i % 4 < 2 ? { customer_id: pick(ids, Math.floor(i / 4)) } : {}),
        }),
      }),
    ),
  )
  // Days that are over, and one ahead.
  await database.admin.pool.query(
    `with made as materialized (
       select create_partition('event', (now() at time zone 'UTC')::date - day, 1)
       from unnest(array[3, 9]) as day
     )
     select from made`,
  )
  await database.admin.pool.query(
    `insert into event
     select tenant, position + day * $1::bigint, name, entity_id, idempotency_key || day, team,
       service, correlation_ids, payload_bytes, payload
     from event cross join unnest(array[-9, -3, 3]) as day`,
    [DAY_US],
  )
  await appendEvents(database.pool, [anEvent({ tenant: 'rival', entityId: '1' })])
  events = (await all({})).events
  expect(events).toHaveLength(1_600)
})
afterAll(() => service.stop())

const find = async (query: Record<string, string | string[]>, tenant = 'dodici') => {
  const fields = Object.entries(query).flatMap(([field, values]) =>
    [values].flat().map((value): [string, string] => [field, value]),
  )
  const url = `${service.url}/events?${new URLSearchParams(fields)}`
  return call<Page>(url, { headers: { tenant } })
}

/** Every page of a search, from the first to the last. */
async function all(query: Record<string, string | string[]>): Promise<Page & { pages: number }> {
  const found: Shown[] = []
  const edge = query['order'] === 'desc' ? 'before' : 'after'
  let from = {}
  for (let pages = 1; pages < 5_000; pages++) {
    const { status, body } = await find({ limit: '1000', ...query, ...from })
    expect(status, JSON.stringify(body)).toBe(200)
    found.push(...body.events)
    if (body.next === null) return { events: found, next: null, pages }
    from = { [edge]: `${body.next}` }
  }
  throw new Error('It does not end.')
}

describe('a search', () => {
  it('finds what a look at every event finds, whatever it asks for, in both directions', async () => {
    const optional = <T>(arbitrary: fc.Arbitrary<T>) =>
      fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
    const id = optional(fc.constantFrom(...ids, 'none'))
    const at = optional(fc.nat({ max: events.length - 1 }))
    const query = fc.record({
      entity_id: id,
      order_id: id,
      customer_id: id,
      entity: optional(fc.constantFrom('order', 'return', 'customer')),
      name: fc.subarray(['order.*', 'orders.created', 'return.*', 'nothing.*'], { maxLength: 2 }),
      after: at,
      before: at,
      from: at,
      to: at,
      order: fc.constantFrom('asc', 'desc'),
      limit: fc.constantFrom(1_000, 150, 37),
    })
    const position = (index: number | undefined) =>
      (events[index ?? -1] as Shown | undefined)?.position
    let some = 0
    await fc.assert(
      fc.asyncProperty(query, async ({ name, order, limit, ...asked }) => {
        const [after, before] = [position(asked.after), position(asked.before)]
        const [from, to] = [position(asked.from), position(asked.to)]
        fc.pre(from === undefined || to === undefined || from < to)
        const entityOf = (event: Shown) => event.name.split('.')[0]
        const isOf = (event: Shown, kind: 'order' | 'customer', wanted: string | undefined) =>
          wanted === undefined ||
          event.correlation_ids[`${kind}_id`] === wanted ||
          (entityOf(event) === kind && event.entity_id === wanted)
        const expected = events.filter(
          (event) =>
            (asked.entity_id === undefined || event.entity_id === asked.entity_id) &&
            (asked.entity === undefined || entityOf(event) === asked.entity) &&
            isOf(event, 'order', asked.order_id) &&
            isOf(event, 'customer', asked.customer_id) &&
            (name.length === 0 ||
              name.includes(event.name) ||
              name.includes(`${entityOf(event)}.*`)) &&
            event.position > (after ?? 0) &&
            event.position < (before ?? Number.MAX_SAFE_INTEGER) &&
            event.position >= (from ?? 0) &&
            event.position < (to ?? Number.MAX_SAFE_INTEGER),
        )
        const text = { order, limit: `${limit}`, name } as Record<string, string | string[]>
        for (const field of ['entity_id', 'order_id', 'customer_id', 'entity'] as const) {
          if (asked[field] !== undefined) text[field] = asked[field]
        }
        if (after !== undefined) text['after'] = `${after}`
        if (before !== undefined) text['before'] = `${before}`
        if (from !== undefined) text['from'] = timeOf(from)
        if (to !== undefined) text['to'] = timeOf(to)
        const found = await all(text)
        expect(found.events).toEqual(order === 'desc' ? expected.toReversed() : expected)
        // As many pages as needed, and at most an empty one more.
        expect(found.pages).toBeLessThanOrEqual(Math.ceil(expected.length / limit) + 1)
        if (expected.length > 0) some++
      }),
      { numRuns: 120 },
    )
    expect(some).toBeGreaterThan(20)
  }, 120_000)

  it('shows a tenant nothing of another', async () => {
    const { body } = await find({ entity_id: '1' }, 'rival')
    expect(body.events).toHaveLength(1)
    const { position } = body.events[0] as Shown
    const one = (tenant: string) =>
      send(`${service.url}/events/${position}`, { headers: { tenant } })
    expect((await one('rival')).status).toBe(200)
    expect((await one('dodici')).status).toBe(404)
  })

  it('meets each event once, in both directions, while others publish', async () => {
    const before = (await all({ order_id: '1', order: 'desc' })).events
    let isOver = false
    const publishing = (async () => {
      for (let i = 0; !isOver; i++) {
        await publish(service.url, {
          key: `more-${i}`,
          payload: '{}',
          headers: { 'correlation-ids': '{"order_id":"1"}' },
        })
      }
    })()
    const forward = await all({ order_id: '1', limit: '7' })
    const backward = await all({ order_id: '1', order: 'desc', limit: '7' })
    isOver = true
    await publishing
    const positions = ({ events: found }: Page) => found.map(({ position }) => position)
    expect(positions(forward)).toEqual([...new Set(positions(forward))].toSorted((a, b) => a - b))
    expect(positions(backward)).toEqual([...new Set(positions(backward))].toSorted((a, b) => b - a))
    const known = before.map(({ position }) => position)
    expect(positions(forward).filter((one) => known.includes(one))).toEqual(known.toReversed())
    expect(positions(backward).filter((one) => known.includes(one))).toEqual(known)
  }, 60_000)
})

describe('an id with too many events in a day to sort them', () => {
  beforeAll(async () => {
    // Between the events of the id there are others, and days with a few of it around.
    await database.admin.pool.query(
      `insert into event
       select 'crowd', day * $1::bigint + (extract(epoch from now())::bigint / 86400) * $1 + i,
         'order.created', case when i % 2 = 0 then 'hot' else 'other' end, 'k' || day || '-' || i,
         't', 's', case when i % 3 = 0 then '{"order_id":"hot"}' else '{}' end::jsonb, 2, '{}'
       from unnest(array[-9, -3, 3]) as day
       cross join lateral generate_series(1, case day when -3 then 30000 else 100 end) as i`,
      [DAY_US],
    )
  })

  const crowd = async (query: Record<string, string>) => {
    const found: number[] = []
    let calls = 0
    for (let from = {}; ; calls++) {
      const { body } = await find({ limit: '1000', ...query, ...from }, 'crowd')
      found.push(...body.events.map(({ position }) => position))
      if (body.next === null) return { found, calls }
      from = { [query['order'] === 'desc' ? 'before' : 'after']: `${body.next}` }
    }
  }

  it.each(['asc', 'desc'])('is found completely, %s', async (order) => {
    const { found, calls } = await crowd({ entity_id: 'hot', order })
    expect(found).toHaveLength(15_100)
    expect(found).toEqual(
      [...new Set(found)].toSorted((a, b) => (order === 'desc' ? b - a : a - b)),
    )
    expect(calls).toBeLessThan(25)
    const rare = await crowd({ order_id: 'hot', entity_id: 'other', name: 'order.*', order })
    expect(rare.found).toHaveLength(17 * 2 + 5_000)
  })
})

// The filter of readers: what a query may say, and that SQL and JavaScript take the same events.

import fc from 'fast-check'
import { sql } from 'kysely'
import { Compile } from 'typebox/schema'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/errors.ts'
import { refuseUnknown, textOf } from '../../src/input/query.ts'
import { appendEvents } from '../../src/log/append.ts'
import {
  conditionOf,
  filterParameters,
  passes,
  type SearchFilter,
  searchFilterOf,
} from '../../src/log/filter.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import {
  EventOfLog,
  lineOfEvent,
  type ShownEvent,
  shownColumns,
  textOfEvent,
} from '../../src/log/shown.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const ids = ['1', '2', "o'1", '\u{1f4e6}']
const names = ['order.created', 'order.line.added', 'orders.created', 'customer.updated']
const PAYLOAD = '{"b":25.080,\r\n "a":"\\u0000\u{1f4e6}", "a":12345678901234567890}'
let events: ShownEvent[] = []

beforeAll(async () => {
  await createPartitions(database.pool)
  const optional = ['', ...ids]
  const all = names.flatMap((name) =>
    ids.flatMap((entityId) =>
      optional.map((order, i) => {
        const customer = optional[(i * 2 + 1) % optional.length]
        const correlationIds = JSON.stringify({
          ...(order ? { order_id: order } : {}),
          ...(customer ? { customer_id: customer } : {}),
        })
        return anEvent({ name, entityId, correlationIds, payload: Buffer.from(PAYLOAD) })
      }),
    ),
  )
  await appendEvents(database.pool, all)
  events = await take(searchFilterOf({}, []))
  expect(events).toHaveLength(all.length)
})

async function take(filter: SearchFilter): Promise<ShownEvent[]> {
  const { rows } = await sql<ShownEvent>`
    select ${shownColumns} from event
    where tenant = 'dodici' and ${conditionOf(filter)}
    order by position`.execute(database.kysely)
  return rows
}

it('takes in SQL what it takes in JavaScript, whatever it says', async () => {
  const optional = <T>(values: T[]) => fc.option(fc.constantFrom(...values), { nil: undefined })
  const filters = fc.record({
    entityId: optional(ids),
    entity: optional(['order', 'customer', 'nothing']),
    orderId: optional(ids),
    customerId: optional(ids),
    names: fc.subarray([...names, 'return.processed'], { maxLength: 2 }),
    entities: fc.subarray(['order', 'orders', 'return'], { maxLength: 1 }),
  })
  let some = 0
  await fc.assert(
    fc.asyncProperty(filters, async (filter) => {
      const taken = events.filter((event) => passes(filter, event))
      expect(await take(filter)).toEqual(taken)
      if (taken.length > 0 && taken.length < events.length) some++
    }),
    { numRuns: 200 },
  )
  expect(some).toBeGreaterThan(20)
})

describe('a query', () => {
  const read = (query: Record<string, string | string[]>) => {
    const faults: Fault[] = []
    const filter = searchFilterOf(query, faults)
    return { filter, faults: faults.map(({ message }) => message) }
  }

  it('may name an id, an entity, and several names', () => {
    const { filter, faults } = read({
      entity_id: 'a',
      entity: 'order',
      order_id: 'b',
      customer_id: 'c',
      name: ['order.*', 'return.processed'],
    })
    expect(faults).toEqual([])
    expect(filter).toEqual({
      entityId: 'a',
      entity: 'order',
      orderId: 'b',
      customerId: 'c',
      names: ['return.processed'],
      entities: ['order'],
    })
    expect(read({ name: 'order.created' }).filter.names).toEqual(['order.created'])
  })

  it('is documented with examples that it takes', () => {
    const examples = filterParameters.map(({ name, example }) => [name, example])
    const { filter, faults } = read(Object.fromEntries(examples))
    expect(faults).toEqual([])
    expect(Object.values(filter)).not.toContain(undefined)
  })

  it.each([
    [{ entity_id: '' }, 'entity_id is empty'],
    [{ entity_id: ['a', 'b'] }, 'entity_id is repeated'],
    [{ order_id: 'x'.repeat(256) }, 'order_id is longer than 255 characters'],
    [{ customer_id: 'a\0' }, 'customer_id has the character U+0000'],
    [{ customer_id: 'a\nb' }, 'customer_id has a control character'],
    [{ entity_id: '\ud800' }, 'entity_id has a lone surrogate, which is not a character'],
    [{ entity: 'order.' }, 'entity must be letters, digits, _ and -, like order'],
    [{ name: '*' }, 'name must be a name like order.created, or order.*'],
    [{ name: 'order.cre*' }, 'name must be a name like order.created, or order.*'],
    [{ name: Array(51).fill('order.*') }, 'name is repeated more than 50 times'],
  ])('is refused by name: %j', (query, message) => {
    expect(read(query).faults).toEqual([message])
  })

  it('may not have what nobody knows, and one text a field', () => {
    const known = [{ in: 'query', name: 'limit' }]
    refuseUnknown('/events?limit=1', known)
    const name = 'x'.repeat(255)
    expect(() => refuseUnknown(`/events?limit=1&${name}xx=`, known)).toThrow(
      expect.objectContaining({
        details: [{ field: name, code: 'unknown', message: `${name} is not a parameter` }],
      }),
    )
    expect(textOf({ after: '7' }, 'after', [])).toBe('7')
  })
})

describe('a shown event', () => {
  it('has its payload byte for byte, and on a line a space for a line break', () => {
    const event = events[1] as ShownEvent
    expect(textOfEvent(event).endsWith(`,"payload":${PAYLOAD}}`)).toBe(true)
    const line = lineOfEvent(event)
    expect(line.endsWith(`,"payload":${PAYLOAD.replace('\r\n', '  ')}}`)).toBe(true)
    expect(Compile(EventOfLog).Check(JSON.parse(line))).toBe(true)
    const { payload: _, ...fields } = JSON.parse(line)
    expect(fields).toEqual({
      position: event.position,
      published_at:
        new Date(event.position / 1000).toISOString().replace(/\d{3}Z$/, '') + fraction(event),
      name: 'order.created',
      entity_id: '1',
      idempotency_key: event.idempotencyKey,
      correlation_ids: { order_id: '1', customer_id: "o'1" },
      team: 'team-orders',
      service: 'shop',
    })
  })

  const fraction = ({ position }: ShownEvent) => `${String(position % 1_000_000).padStart(6, '0')}Z`
})

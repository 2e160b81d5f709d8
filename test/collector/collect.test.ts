// Collected events have one key across all names: in one batch, in turn, and where many post at
// once.

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { appendCollected, findCollected } from '../../src/collector/collect.ts'
import { entityOfType } from '../../src/collector/event.ts'
import { appendEvents } from '../../src/log/append.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const collect = (...events: ReturnType<typeof anEvent>[]) => appendCollected(database.pool, events)
const count = async (key: string) => {
  const text = 'select count(*)::integer as count from event where idempotency_key = $1'
  return (await database.pool.query(text, [key])).rows[0].count
}
const outcomes = (results: { outcome: string }[]) => results.map(({ outcome }) => outcome)

describe('a collected event', () => {
  it('is known by its key whatever its name', async () => {
    const event = anEvent({ name: 'customer.create' })
    const renamed = { ...event, name: 'customer.update', payload: Buffer.from('{"other":1}') }
    const [first] = await collect(event)
    const position = first?.position
    expect(outcomes([first as { outcome: string }])).toEqual(['appended'])
    expect(await collect(event)).toEqual([{ outcome: 'duplicate', position }])
    expect(await collect(renamed)).toEqual([{ outcome: 'key_reused', position }])
    expect(await count(event.idempotencyKey)).toBe(1)
    const elsewhere = await collect({ ...renamed, tenant: 'another' })
    expect(outcomes(elsewhere)).toEqual(['appended'])
  })

  it('is told apart within one batch, beside new ones and known ones', async () => {
    const known = anEvent()
    await collect(known)
    const event = anEvent({ name: 'price.change' })
    const others = [anEvent({ name: 'price.delete' }), anEvent()]
    const reused = { ...event, name: 'price.create', payload: Buffer.from('{"other":1}') }
    const [a, b] = others as [typeof event, typeof event]
    const results = await collect(a, event, known, reused, { ...event }, b)
    expect(outcomes(results)).toEqual([
      ...['appended', 'appended', 'duplicate', 'key_reused', 'duplicate', 'appended'],
    ])
    expect(results[3]?.position).toBe(results[1]?.position)
    const { rows } = await database.pool.query(
      'select name, idempotency_key from event where position = any($1) order by position',
      [results.slice(0, 2).map(({ position }) => position)],
    )
    expect(rows).toEqual([
      { name: 'price.delete', idempotency_key: a.idempotencyKey },
      { name: 'price.change', idempotency_key: event.idempotencyKey },
    ])
  })

  it('wins once where many post the same key under different names at once', async () => {
    for (let round = 0; round < 5; round++) {
      const key = randomUUID()
      const posted = Array.from({ length: 12 }, (_, i) =>
        anEvent({
          name: `customer.change_${i}`,
          idempotencyKey: key,
          payload: Buffer.from(`{"n":${i}}`),
        }),
      )
      const results = (await Promise.all(posted.map((event) => collect(event)))).flat()
      expect(outcomes(results).filter((outcome) => outcome === 'appended')).toHaveLength(1)
      expect(outcomes(results).filter((outcome) => outcome === 'key_reused')).toHaveLength(11)
      expect(new Set(results.map(({ position }) => position)).size).toBe(1)
      expect(await count(key)).toBe(1)
    }
  })

  it("keeps the log's own rule: a name and a key that the gateway has used", async () => {
    const event = anEvent({ name: 'customer.create' })
    const [published] = await appendEvents(database.pool, [event])
    const position = published?.position
    const other = { ...event, payload: Buffer.from('{"other":1}') }
    expect(await collect(other)).toEqual([{ outcome: 'key_reused', position }])
    expect(await findCollected(database.kysely, 'dodici', event.idempotencyKey)).toBeUndefined()
    expect(await collect(other, other)).toEqual([
      { outcome: 'key_reused', position },
      { outcome: 'key_reused', position },
    ])
    expect(await collect(event)).toEqual([{ outcome: 'duplicate', position }])
    expect(await collect({ ...event, name: 'customer.delete' })).toEqual([
      { outcome: 'duplicate', position },
    ])
    expect(await count(event.idempotencyKey)).toBe(1)
  })

  it('is found by its key, to the byte, by its tenant only', async () => {
    const event = anEvent({ payload: Buffer.from('{ "a" : 1.0, "ü":"\\u0000" }') })
    await collect(event)
    const find = (tenant: string) => findCollected(database.kysely, tenant, event.idempotencyKey)
    expect(await find('dodici')).toBe(event.payload.toString())
    expect(await find('another')).toBeUndefined()
    const published = anEvent()
    await appendEvents(database.pool, [published])
    const { idempotencyKey } = published
    expect(await findCollected(database.kysely, 'dodici', idempotencyKey)).toBeUndefined()
  })

  it('is appended in read committed transactions only', async () => {
    const client = await database.pool.connect()
    try {
      await client.query('begin isolation level repeatable read')
      const call = `select * from append_collected(
        '{dodici}', '{a.b}', '{e}', '{k}', '{t}', '{s}', '{{}}', '{{}}')`
      await expect(client.query(call)).rejects.toMatchObject({ code: 'MR002' })
    } finally {
      await client.query('rollback')
      client.release()
    }
  })
})

describe('classes', () => {
  it('are told by how the action ends', async () => {
    const names = ['order.created', 'customer.bulk_create', 'product.deleted', 'price.delete']
    const others = ['order.opened', 'customer.address_updated', 'created.x', 'order.creates']
    const { rows } = await database.pool.query(
      'select event_class(name) as class from unnest($1::text[]) as name',
      [[...names, ...others]],
    )
    expect(rows.map(({ class: name }) => name)).toEqual([
      ...['create', 'create', 'delete', 'delete', 'change', 'change', 'change', 'change'],
    ])
  })
})

describe('entityOfType', () => {
  it.each([
    ['CUSTOMER', 'customer'],
    ['VARIANT_PRODUCT', 'variant_product'],
    ['VariantProduct', 'variant_product'],
    ['Price List', 'price_list'],
    ['price-list', 'price_list'],
    ['string', 'string'],
  ])('%s is %s', (type, entity) => expect(entityOfType(type)).toBe(entity))
})

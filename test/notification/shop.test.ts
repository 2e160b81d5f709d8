// From events to a shop, and from a shop to mails: the pure parts, for any events.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { aJob } from '../../scripts/kit/jobs.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { documentOf } from '../../src/notification/job.ts'
import { audienceOf, linkOf, type Situation } from '../../src/notification/run/audience.ts'
import { applyEvent } from '../../src/notification/shop/apply.ts'
import { decodeEvent } from '../../src/notification/shop/decode.ts'
import { entities, entitySchemas } from '../../src/notification/shop/entity.ts'
import { emptyShop, stockOf } from '../../src/notification/shop/shop.ts'
import { aLoggedEvent } from '../helpers/factory.ts'
import { collected, level, price } from '../helpers/shop.ts'

const lowered = { position: 1, previous_price: 10, currency: 'EUR' }
const unnamed = { product_id: null, name: null, url: null, image_url: null }
const priceOf = (available: number) => ({ currency: 'EUR', amount: 9 + available * 2 })
const logged = ({ name, entityId, payload }: NewEvent, position = 1) =>
  aLoggedEvent({ name, entityId, payload: payload.toString(), position })
const decode = (event: NewEvent) => decodeEvent(logged(event))
function shopOf(events: NewEvent[]) {
  const shop = emptyShop()
  events.forEach((event, index) => {
    const { changes, unreadable } = decodeEvent(logged(event, index + 1))
    shop.unreadable.push(...unreadable)
    applyEvent(shop, changes)
  })
  return shop
}

describe('reading an event', () => {
  it('the documented examples are read as they are', () => {
    expect(Object.keys(entitySchemas)).toHaveLength(Object.keys(entities).length)
    for (const [entity, schema] of Object.entries(entities)) {
      const [example] = (schema as unknown as { examples: { id: string }[] }).examples
      const { changes, unreadable } = decode(collected(entity, 'CREATE', 'other', example))
      expect(unreadable).toEqual([])
      expect(changes).toMatchObject([{ entity, id: example?.id, value: example, isDeleted: false }])
    }
  })

  it('takes more fields than it knows, arrays in bulk, ids alone in deletions', () => {
    const bulk = collected('price', 'bulk_update', 'x', [
      { id: 'a', x: 1 },
      { id: 'b', amount: 2 },
    ])
    expect(decode(bulk).changes.map(({ id, entry }) => [id, entry])).toEqual([
      ['a', 0],
      ['b', 1],
    ])
    const ids = collected('wishlist', 'bulk_delete', 'x', ['w-1', 'w-2'])
    expect(decode(ids).changes).toMatchObject([{ id: 'w-1', isDeleted: true }, { id: 'w-2' }])
    const bare = collected('customer', 'delete', 'c-1', undefined)
    expect(decode(bare).changes).toMatchObject([{ id: 'c-1', isDeleted: true }])
  })

  it('takes an event of the gateway as its entity, and no part of it', () => {
    const created = aLoggedEvent({
      name: 'customer.created',
      entityId: 'c-1',
      payload: '{"email":"a@b.c"}',
    })
    expect(decodeEvent(created).changes).toMatchObject([{ id: 'c-1', value: { email: 'a@b.c' } }])
    for (const name of ['customer.address_created', 'customer.address_deleted', 'order.created']) {
      const other = decodeEvent(aLoggedEvent({ name, payload: '{"id":7}' }))
      expect(other).toEqual({ changes: [], unreadable: [] })
    }
  })

  it.each([
    [
      'no base64',
      { event_payload: { base64_encoded_payload_json: '%%' } },
      /base64_encoded_payload/,
    ],
    ['no JSON', { event_payload: { base64_encoded_payload_json: 'Zm9v' } }, /not valid JSON/],
    ['nothing', { event_payload: {} }, /base64_encoded_payload_json/],
  ])('%s: says what cannot be read', (_, payload, reason) => {
    const name = 'customer.create'
    const { changes, unreadable } = decodeEvent(
      aLoggedEvent({ name, payload: JSON.stringify(payload), position: 7 }),
    )
    expect(changes).toEqual([])
    expect(unreadable).toEqual([{ position: 7, entry: 0, reason: expect.stringMatching(reason) }])
  })

  it('one entity that cannot be read takes no other one along', () => {
    const list = [{ id: 'a', amount: '1' }, { id: 'b', amount: 1 }, { amount: 1 }, 7, null]
    const { changes, unreadable } = decode(collected('price', 'bulk_create', 'x', list))
    expect(changes.map(({ id }) => id)).toEqual(['b'])
    expect(unreadable.map(({ entry }) => entry)).toEqual([0, 2, 3, 4])
    expect(unreadable[0]?.reason).toMatch(/^amount /)
  })

  it('never throws, and gives nothing that Postgres would not take', () => {
    const isText = (given: string) => given.isWellFormed() && !given.includes('\0')
    const odd = fc.constantFrom('a', '\0', '\ud800', '\udc00', '\\')
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: odd }))
    const value = fc.dictionary(
      fc.constantFrom('id', 'email', 'variant_id', 'amount', 'items', 'available', 'name'),
      fc.oneof(text, fc.double(), fc.constant(null), fc.array(fc.object())),
    )
    const entity = fc.constantFrom(...Object.keys(entities))
    fc.assert(
      fc.property(entity, fc.oneof(value, fc.array(value), fc.jsonValue()), (name, given) => {
        // Of the shop, not of the changes: fields that are not read may hold anything.
        JSON.stringify(shopOf([collected(name, 'update', 'x', given)]), (_, inner) => {
          if (typeof inner === 'string') expect(inner).toSatisfy(isText)
          return inner instanceof Map ? [...inner] : inner
        })
      }),
    )
  })
})
describe('a restock', () => {
  it('is what a recount over all locations says, for any levels', () => {
    const one = fc.record({
      item: fc.constantFrom('v-1', 'v-2'),
      location: fc.constantFrom('a', 'b'),
      available: fc.integer({ min: -2, max: 2 }),
    })
    fc.assert(
      fc.property(fc.array(fc.array(one, { minLength: 1, maxLength: 4 })), (events) => {
        const shop = shopOf(
          events.map((levels) =>
            collected(
              'inventory_level',
              'bulk_update',
              'x',
              levels.map(({ item, location, available }) => {
                const id = `${item}-${location}`
                return { id, variant_id: item, location_id: location, available }
              }),
            ),
          ),
        )
        const known = new Map<string, number>()
        const sum = (item: string) => {
          const own = [...known].filter(([key]) => key.startsWith(item))
          return own.length && own.reduce((total, [, n]) => total + Math.max(0, n), 0)
        }
        const expected: { position: number; item_id: string }[] = []
        events.forEach((levels, index) => {
          const items = [...new Set(levels.map(({ item }) => item))]
          const empty = items.filter(
            (item) => [...known.keys()].some((key) => key.startsWith(item)) && sum(item) === 0,
          )
          for (const { item, location, available } of levels) known.set(item + location, available)
          for (const item_id of empty) {
            if (sum(item_id) > 0) expected.push({ position: index + 1, item_id })
          }
        })
        const order = (list: typeof expected) => list.map((row) => JSON.stringify(row)).sort()
        const rows = shop.restocks.map(({ position, item_id }) => ({ position, item_id }))
        expect(order(rows)).toEqual(order(expected))
        for (const item of ['v-1', 'v-2']) expect(stockOf(shop, item) ?? 0).toBe(sum(item))
      }),
    )
  })

  it('follows a deletion, and is none where the item was not known', () => {
    const deleted = collected('inventory_level', 'delete', 'v-1-l', undefined)
    const shop = shopOf([level('v-1', 5), deleted, level('v-1', 2), level('v-2', 1)])
    expect(shop.restocks).toEqual([{ position: 3, item_id: 'v-1' }])
  })
})

describe('a price drop', () => {
  it('is a lower amount of the same price in the same currency', () => {
    const shop = shopOf([
      price('v-1', 10),
      price('v-1', 9),
      price('v-1', 9),
      price('v-1', 8, 'USD'),
    ])
    const drop = { position: 2, item_id: 'v-1', currency: 'EUR', amount_before: 10, amount: 9 }
    expect(shop.priceDrops).toEqual([drop])
  })
})

describe('an update', () => {
  it('keeps what it does not name, and removes what it names as null', () => {
    const shop = shopOf([
      collected('customer', 'create', 'c', {
        email: 'a@b.c',
        first_name: 'A',
        marketing_consent: true,
      }),
      collected('customer', 'update', 'c', { first_name: null }),
      collected('wishlist', 'update', 'w', { items: [] }),
      collected('inventory_level', 'update', 'l', { available: 1 }),
    ])
    expect(shop.customers.get('c')).toMatchObject({ email: 'a@b.c', first_name: null })
    expect(shop.unreadable.map(({ position }) => position)).toEqual([3, 4])
  })
})

describe('an audience', () => {
  const situation = fc.record({
    notification: fc.constantFrom('BACK_IN_STOCK', 'PRICE_DROP', 'WISHLIST_REMINDER'),
    limit: fc.integer({ min: -1, max: 3 }),
    due: fc.uniqueArray(fc.tuple(fc.integer({ max: 5, min: 0 }), fc.integer({ max: 5, min: 0 })), {
      selector: String,
    }),
    wishes: fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 5 })), {
      minLength: 6,
      maxLength: 6,
    }),
    consents: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    stock: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 6, maxLength: 6 }),
  })
  it('tells or withholds each notice once, and mails nobody twice or against their will', () => {
    fc.assert(
      fc.property(situation, ({ notification, limit, due, wishes, consents, stock }) => {
        const isReminder = notification === 'WISHLIST_REMINDER'
        const given: Situation = {
          job: documentOf(aJob({ notification, number_of_items_in_email: limit }) as never),
          due: due.map(([customer, item]) => ({
            customer_id: `c-${customer}`,
            item_id: isReminder ? '' : `v-${item}`,
            ...lowered,
          })),
          customers: new Map(
            consents.map((marketing_consent, n) => [
              `c-${n}`,
              {
                customer_id: `c-${n}`,
                email: `${n}@x.y`,
                first_name: null,
                last_name: null,
                marketing_consent,
              },
            ]),
          ),
          wishes: new Map(wishes.map((items, n) => [`c-${n}`, items.map((item) => `v-${item}`)])),
          items: new Map(
            stock.map((available, n) => [
              `v-${n}`,
              { item_id: `v-${n}`, ...unnamed, available, prices: [priceOf(available)] },
            ]),
          ),
        }
        const { mails, withheld } = audienceOf(given)
        const settled = [...mails.flatMap(({ dues }) => dues), ...withheld.map((one) => one.due)]
        expect(new Set(settled)).toEqual(new Set(given.due))
        expect(settled).toHaveLength(given.due.length)
        const customers = mails.map(({ customer_id }) => customer_id)
        expect(new Set(customers).size).toBe(customers.length)
        for (const { customer_id, mail, dues } of mails) {
          const n = Number(customer_id.slice(2))
          expect(consents[n]).toBe(true)
          const { items, item_count } = mail.data as {
            items: { item_id: string }[]
            item_count: number
          }
          const listed = items.map(({ item_id }) => item_id)
          expect(new Set(listed).size).toBe(listed.length)
          for (const id of listed) expect(wishes[n]).toContain(Number(id.slice(2)))
          const whole = wishes[n]?.length ?? 0
          expect(item_count).toBe(isReminder ? whole : new Set(dues.map((one) => one.item_id)).size)
          expect(listed.length).toBe(limit === -1 ? whole : Math.min(limit, item_count))
          if (notification === 'BACK_IN_STOCK') {
            for (const { item_id } of dues) expect(stock[Number(item_id.slice(2))]).toBe(1)
          }
          if (notification === 'PRICE_DROP') {
            for (const { item_id } of dues) expect(stock[Number(item_id.slice(2))]).toBe(0)
          }
        }
      }),
    )
  })

  it('has links with the parameters of the job, and none that are no links', () => {
    const link = (url: string | null, job_parameters: object) => linkOf(url, { job_parameters })
    const both = { campaign_id: 'a & b', utm_medium: 'mail' }
    expect(link('https://x.y/z?utm_medium=old&q=1#top', both)).toBe(
      'https://x.y/z?utm_medium=mail&q=1&utm_campaign=a+%26+b#top',
    )
    expect(link('https://x.y/z', {})).toBe('https://x.y/z')
    for (const url of ['javascript:alert(1)', '/z', '', null]) expect(link(url, both)).toBeNull()
  })
})

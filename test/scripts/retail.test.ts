// The demo's day of retail data: the same for the same seed, and true to itself (orders, money,
// stock) for any seed.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RetailEvent } from '../../scripts/demo/event.ts'
import { businessDay } from '../../scripts/demo/retail.ts'

const DATE = '2026-11-20'
const dayOf = (seed: number) => businessDay({ seed, date: DATE })

/** What every day must be, whatever its seed. */
const everyDay = (holds: (day: RetailEvent[]) => void) =>
  fc.assert(
    fc.property(fc.integer(), (seed) => holds(dayOf(seed))),
    { numRuns: 25 },
  )

const PAID = [
  'order.created',
  'order.opened',
  'payment_account.amount_authorized',
  'fulfillment_request.assigned',
  'fulfillment_request.items_completed',
  'payment_account.amount_captured',
  'invoice.created',
  'order.completed',
]
const LIVES = {
  completed: PAID,
  cancelled: [...PAID.slice(0, 3), 'order.cancelled', 'payment_account.amount_voided'],
  returned: [
    ...PAID,
    'return.processed',
    'refund_request.issued',
    'payment_account.amount_refunded',
  ],
}

/** Each order's events, by its id. */
function ordersOf(day: RetailEvent[]): Map<string, RetailEvent[]> {
  const orders = new Map<string, RetailEvent[]>()
  for (const event of day) {
    const id = event.correlationIds.order_id
    if (id) orders.set(id, [...(orders.get(id) ?? []), event])
  }
  return orders
}

const payloadOf = (events: RetailEvent[], name: string) =>
  events.find((event) => event.name === name)?.payload as Record<string, number> | undefined

/** Whole cents: sums of euros are not exact. */
const cents = (euros: number | undefined) => Math.round((euros ?? Number.NaN) * 100)

type Item = Record<string, number> & { id: string; product_id: string }
const itemsOf = (event: RetailEvent | undefined) => (event?.payload['items'] ?? []) as Item[]

describe('a business day', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(dayOf(12)).toEqual(dayOf(12))
    expect(dayOf(13)).not.toEqual(dayOf(12))
  })

  it('has a few hundred events, in the order of that day', () => {
    everyDay((day) => {
      expect(day.length).toBeGreaterThan(300)
      expect(day.length).toBeLessThan(600)
      const times = day.map(({ at }) => at)
      expect(times).toEqual(times.toSorted())
      expect(times.every((time) => time.startsWith(DATE))).toBe(true)
    })
  })

  it('gives each event of a name a key of its own', () => {
    everyDay((day) => {
      const keys = day.map(({ name, idempotencyKey }) => `${name} ${idempotencyKey}`)
      expect(new Set(keys).size).toBe(day.length)
    })
  })

  it('fills what the gateway asks for', () => {
    for (const { name, entityId, team, service, correlationIds } of dayOf(12)) {
      expect(name).toMatch(/^[a-z_]+\.[a-z_]+$/)
      for (const text of [entityId, team, service, ...Object.values(correlationIds)]) {
        expect(text).toMatch(/^[\x21-\x7e]{1,255}$/)
      }
    }
  })

  it('registers a customer before the first order', () => {
    everyDay((day) => {
      const known = new Set<string>()
      for (const { name, entityId, payload } of day) {
        if (name === 'customer.created') known.add(entityId)
        if (name === 'order.created') expect(known).toContain(payload['customer_id'])
      }
    })
  })

  it('counts what came in less what went out', () => {
    everyDay((day) => {
      const stock = new Map<string, number>()
      const move = (event: RetailEvent, sign: 1 | -1) => {
        const { fulfillment_location_id, return_location_id } = event.payload
        for (const { product_id, quantity = 0 } of itemsOf(event)) {
          const key = `${fulfillment_location_id ?? return_location_id} ${product_id}`
          stock.set(key, (stock.get(key) ?? 0) + sign * quantity)
          expect(stock.get(key)).toBeGreaterThanOrEqual(0)
        }
      }
      for (const event of day) {
        if (event.name === 'inventory_transaction.items_received') move(event, 1)
        if (event.name === 'fulfillment_request.items_completed') move(event, -1)
        if (event.name === 'return.processed') move(event, 1)
        if (event.name !== 'inventory_count.items_counted') continue
        for (const { product_id, expected } of itemsOf(event)) {
          expect(expected).toBe(
            stock.get(`${event.payload['fulfillment_location_id']} ${product_id}`),
          )
        }
      }
    })
  })
})

describe('an order of that day', () => {
  it('is completed, cancelled or returned, step by step', () => {
    everyDay((day) => {
      const lives = [...ordersOf(day).values()].map((events) => events.map(({ name }) => name))
      for (const life of lives) expect(Object.values(LIVES)).toContainEqual(life)
      for (const life of Object.values(LIVES)) expect(lives).toContainEqual(life)
    })
  })

  it('has a total that adds up from its items', () => {
    everyDay((day) => {
      for (const event of day.filter(({ name }) => name === 'order.created')) {
        const bill = event.payload as Record<string, number>
        const sum = (price: (item: Item) => number) =>
          itemsOf(event).reduce((total, item) => total + cents(price(item)), 0)
        expect(cents(bill['subtotal'])).toBe(sum((item) => item['list_price']! * item['quantity']!))
        expect(cents(bill['discount_total'])).toBe(sum((item) => item['order_discounts']!))
        expect(cents(bill['tax_total'])).toBe(sum((item) => item['tax']!))
        const shipping = cents(bill['shipping_total']) + cents(bill['shipping_tax'])
        const goods = cents(bill['subtotal']) - cents(bill['discount_total'])
        expect(cents(bill['grand_total'])).toBe(goods + shipping + cents(bill['tax_total']))
      }
    })
  })

  it('has its total authorized, then captured or voided, and invoiced', () => {
    everyDay((day) => {
      for (const events of ordersOf(day).values()) {
        const total = payloadOf(events, 'order.created')?.['grand_total']
        const paid = (action: string) => payloadOf(events, `payment_account.${action}`)?.['amount']
        expect(paid('amount_authorized')).toBe(total)
        expect(paid('amount_captured') ?? paid('amount_voided')).toBe(total)
        const invoice = payloadOf(events, 'invoice.created')
        if (invoice) expect(invoice['grand_total']).toBe(total)
      }
    })
  })

  it('is refunded what the returned items cost, never more than was captured', () => {
    everyDay((day) => {
      for (const events of ordersOf(day).values()) {
        const returned = events.find(({ name }) => name === 'return.processed')
        if (!returned) continue
        const refunds = itemsOf(returned).map((item) => cents(item['refund_amount']))
        const amount = cents(payloadOf(events, 'payment_account.amount_refunded')?.['amount'])
        const captured = payloadOf(events, 'payment_account.amount_captured')?.['amount']
        expect(amount).toBe(refunds.reduce((total, refund) => total + refund, 0))
        expect(amount).toBe(cents(payloadOf(events, 'refund_request.issued')?.['amount']))
        expect(amount).toBeLessThanOrEqual(cents(captured))
      }
    })
  })
})

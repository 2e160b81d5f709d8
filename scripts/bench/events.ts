// The events of the benchmark: orders of about 1.5 KB, the same in every run. Their keys let the
// receiver detect loss, repeats and disorder.

import { openDatabase } from '../../src/db/pool.ts'
import { bodyText } from '../../src/destination/body.ts'
import { appendEvents } from '../../src/log/append.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { timeOf } from '../../src/log/position.ts'
import { createLogger } from '../../src/logger.ts'

const BATCH = 500
const VARIANTS = 50
/** The kit's client speaks for it. */
export const TENANT = 'dodici'

export type EventOptions = {
  /** The number of entities: event i belongs to entity i % entities. */
  entities: number
  tenant?: string
  /** The number of the first event: to continue an earlier call. */
  from?: number
  /** Added to the entities' numbers, for other entities than in an earlier call. */
  firstEntity?: number
}

const variants = Array.from({ length: VARIANTS }, (_, variant) => orderText(variant))

/** The payload of event `i`: one order as JSON. */
export function payloadOf(i: number): Buffer {
  return Buffer.from(`{"order_id":"order-${i}",${variants[i % VARIANTS]}`)
}

function orderText(variant: number): string {
  const items = Array.from({ length: 5 }, (_, line) => ({
    id: `item-${variant}-${line}`,
    product_id: `product-${(variant * 7 + line * 13) % 400}`,
    name: ['Linen shirt', 'Chino trousers', 'Wool scarf', 'Leather belt', 'Canvas bag'][line],
    quantity: 1 + ((variant + line) % 3),
    list_price: 19.9 + variant + line * 10,
    order_discounts: line % 2 === 0 ? 0 : 2.5,
    tax: 3.78,
    fulfillment_location_id: `store-${variant % 12}`,
  }))
  const order = {
    status: 'created',
    currency: 'EUR',
    channel: variant % 3 === 0 ? 'store' : 'web',
    customer_id: `customer-${variant * 31}`,
    customer: { first_name: 'Grace', last_name: 'Müller', email: `grace.${variant}@example.com` },
    shipping_address: {
      street: `Hauptstraße ${variant + 1}`,
      postal_code: '80331',
      city: 'München',
      country: 'DE',
    },
    items,
    subtotal: 259.5,
    discount_total: 5,
    shipping_total: 4.95,
    tax_total: 41.43,
    grand_total: 300.88,
    note: 'Please leave it with the neighbours on the ground floor. '.repeat(4).trim(),
  }
  return JSON.stringify(order).slice(1)
}

/** Event number `i` of a series. */
export function newEvent(i: number, options: EventOptions): NewEvent {
  const { entities, tenant = TENANT, firstEntity = 0 } = options
  const entity = firstEntity + (i % entities)
  return {
    tenant,
    name: 'order.created',
    entityId: `order-${entity}`,
    idempotencyKey: `${entity}:${Math.floor(i / entities)}`,
    team: 'team-orders',
    service: 'shop',
    correlationIds: '{}',
    payload: payloadOf(i),
    live: true,
    traceparent: null,
  }
}

/** The events from number `from` on. */
export function newEvents(count: number, options: EventOptions): NewEvent[] {
  const { from = 0 } = options
  return Array.from({ length: count }, (_, i) => newEvent(from + i, options))
}

/**
 * Appends a backlog in order, batch by batch. Returns the positions of its first and its last
 * event.
 */
export async function fill(
  url: string,
  count: number,
  options: EventOptions,
): Promise<{ first: number; last: number }> {
  const { from = 0 } = options
  const { pool, close } = openDatabase(url, {
    durability: 'relaxed',
    max: 1,
    logger: createLogger('error'),
  })
  let first = Number.NaN
  let last = Number.NaN
  try {
    for (let done = 0; done < count; done += BATCH) {
      const size = Math.min(BATCH, count - done)
      const appended = await appendEvents(pool, newEvents(size, { ...options, from: from + done }))
      const bad = appended.find(({ outcome }) => outcome !== 'appended')
      if (bad) throw new Error(`An event of the backlog was not appended: ${bad.outcome}.`)
      if (done === 0) first = appended[0]?.position as number
      last = appended.at(-1)?.position as number
    }
  } finally {
    await close()
  }
  return { first, last }
}

/** The request of an event as a webhook gets it, without signature. */
export function webhookOf(
  event: NewEvent,
  position: number,
): { headers: Record<string, string>; body: string } {
  const { tenant, name, idempotencyKey, payload } = event
  return {
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Millrace',
      'webhook-id': `msg_${tenant}_${position}`,
      'webhook-timestamp': String(Math.floor(position / 1_000_000)),
      'idempotency-key': idempotencyKey,
      'millrace-position': String(position),
    },
    body: bodyText({ tenant, name, publishedAt: timeOf(position), payload: payload.toString() }),
  }
}

/** The headers of a publish request. */
export function publishHeaders(event: NewEvent, token: string): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    team: event.team,
    service: event.service,
    'entity-id': event.entityId,
    tenant: event.tenant,
    'idempotency-key': event.idempotencyKey,
  }
}

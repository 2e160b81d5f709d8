// The life of one order: created, then completed or cancelled, or completed and partly returned.
// Money is counted in cents and written in euros. The captured amount is the order's total; a
// refund is the price of the returned items with their tax, minus discounts.

import type { Chance } from '../kit/chance.ts'
import { type Entity, type RetailEvent, retailEvent, timeOfDay } from './event.ts'
import { CURRENCY, type Customer, LOCATIONS, PRODUCTS, type Product } from './shop.ts'

const TAX_RATE = 0.22
const FREE_SHIPPING_FROM_CENTS = 10_000

export type Fate = 'completed' | 'cancelled' | 'returned'

/** Goods that leave (below 0) or enter a location. */
export type StockMove = { location: string; productId: string; quantity: number }

type OrderLife = { events: RetailEvent[]; moves: StockMove[] }

type Line = {
  id: string
  product: Product
  quantity: number
  discountCents: number
  taxCents: number
}

/**
 * All events of order `number`, created at `minute` of `date`, oldest first, and its stock moves.
 */
export function liveOrder(
  chance: Chance,
  order: { number: number; customer: Customer; date: string; minute: number; fate: Fate },
): OrderLife {
  const { customer, date, fate } = order
  const events: RetailEvent[] = []
  const moves: StockMove[] = []
  let minute = order.minute

  const id = chance.uuid()
  const location = chance.pick(LOCATIONS)
  const lines = fillCart(chance)
  const channel = location.startsWith('store') && chance.happens(0.5) ? 'store' : 'web'
  const bill = addUp(lines, channel)
  const identity = { id, external_id: `DOD${String(order.number).padStart(9, '0')}` }

  happen('order', 'created', id, (at) => ({
    ...identity,
    created_at: at,
    placed_at: at,
    channel_type: channel,
    channel: channel === 'web' ? 'webshop-it' : location,
    is_exchange: false,
    is_historical: false,
    customer_id: customer.id,
    external_customer_id: customer.number,
    customer_email: customer.email,
    billing_address: customer.address,
    shipping_address: customer.address,
    price_method: 'tax_excluded',
    ...bill,
    currency: CURRENCY,
    tax_strategy: 'fixedrate',
    tax_exempt: false,
    items: lines.map((line) => itemOf(line, 'created')),
  }))
  happen('order', 'opened', id, (at) => ({
    ...identity,
    opened_at: at,
    customer_id: customer.id,
    grand_total: bill.grand_total,
    currency: CURRENCY,
    items: lines.map((line) => shortItemOf(line, 'open')),
  }))
  const accountId = chance.uuid()
  pay('amount_authorized', bill.grand_total)
  if (fate === 'cancelled') cancel()
  else fulfill()
  if (fate === 'returned') sendBack()
  return { events, moves }

  /** The next step: some minutes after the previous one. */
  function happen(
    entity: Entity,
    action: string,
    entityId: string,
    payloadOf: (at: string) => RetailEvent['payload'],
    [least, most] = [1, 6],
  ): void {
    const at = timeOfDay(date, minute)
    minute += chance.whole(least * 600, most * 600) / 600
    const correlationIds = { order_id: id, customer_id: customer.id }
    const payload = payloadOf(at)
    events.push(retailEvent(chance, entity, action, { entityId, correlationIds, at, payload }))
  }

  function pay(action: string, amount: number): void {
    happen('payment_account', action, accountId, (at) => ({
      id: accountId,
      order_id: id,
      customer_id: customer.id,
      amount,
      currency: CURRENCY,
      transaction: { id: chance.uuid(), instrument: 'credit_card', processed_at: at },
    }))
  }

  function cancel(): void {
    happen('order', 'cancelled', id, (at) => ({
      ...identity,
      cancelled_at: at,
      reason: chance.pick(['customer_request', 'payment_suspicious']),
      items: lines.map((line) => shortItemOf(line, 'cancelled')),
    }))
    pay('amount_voided', bill.grand_total)
  }

  function fulfill(): void {
    const request = { id: chance.uuid(), order_id: id, fulfillment_location_id: location }
    const pickAndPack: [number, number] = [15, 60]
    const assign = (at: string) => ({
      ...request,
      assigned_at: at,
      items: lines.map((line) => shortItemOf(line, 'assigned')),
    })
    happen('fulfillment_request', 'assigned', request.id, assign, pickAndPack)
    happen('fulfillment_request', 'items_completed', request.id, (at) => ({
      ...request,
      completed_at: at,
      tracking_code: channel === 'web' ? `IT${chance.whole(1e8, 1e9 - 1)}` : null,
      items: lines.map((line) => shortItemOf(line, 'completed')),
    }))
    moves.push(...lines.map((line) => moveOf(line, -line.quantity)))
    pay('amount_captured', bill.grand_total)
    const invoiceId = chance.uuid()
    happen('invoice', 'created', invoiceId, (at) => ({
      id: invoiceId,
      external_id: `INV${String(order.number).padStart(9, '0')}`,
      order_id: id,
      invoiced_at: at,
      ...bill,
      currency: CURRENCY,
      items: lines.map((line) => itemOf(line, 'invoiced')),
    }))
    const completed = (at: string) => ({ ...identity, completed_at: at, ...bill })
    happen('order', 'completed', id, completed, fate === 'returned' ? [90, 180] : [1, 6])
  }

  function sendBack(): void {
    const back = chance.sample(lines, chance.whole(1, lines.length))
    const amount = euros(sum(back.map((line) => costOf(line))))
    const returnId = chance.uuid()
    const refundId = chance.uuid()
    happen('return', 'processed', returnId, (at) => ({
      id: returnId,
      order_id: id,
      return_location_id: location,
      returned_at: at,
      total_refund_amount: amount,
      currency: CURRENCY,
      items: back.map((line) => ({
        ...shortItemOf(line, 'returned'),
        refund_amount: euros(costOf(line)),
        return_reason: chance.pick(['wrong_size', 'not_as_expected', 'damaged']),
      })),
    }))
    moves.push(...back.map((line) => moveOf(line, line.quantity)))
    happen('refund_request', 'issued', refundId, (at) => ({
      id: refundId,
      order_id: id,
      return_id: returnId,
      issued_at: at,
      amount,
      currency: CURRENCY,
    }))
    pay('amount_refunded', amount)
  }

  function moveOf(line: Line, quantity: number): StockMove {
    return { location, productId: line.product.id, quantity }
  }
}

function fillCart(chance: Chance): Line[] {
  const discount = chance.happens(0.25) ? 0.1 : 0
  return chance.sample(PRODUCTS, chance.whole(1, 3)).map((product) => {
    const quantity = chance.happens(0.2) ? 2 : 1
    const discountCents = Math.round(product.cents * quantity * discount)
    const taxCents = Math.round((product.cents * quantity - discountCents) * TAX_RATE)
    return { id: chance.uuid(), product, quantity, discountCents, taxCents }
  })
}

/**
 * grand_total = subtotal - discount_total + shipping_total + shipping_tax + tax_total, to the cent.
 */
function addUp(lines: Line[], channel: string) {
  const subtotal = sum(lines.map(({ product, quantity }) => product.cents * quantity))
  const discount = sum(lines.map((line) => line.discountCents))
  const tax = sum(lines.map((line) => line.taxCents))
  const shipping = channel === 'store' || subtotal >= FREE_SHIPPING_FROM_CENTS ? 0 : 590
  const shippingTax = Math.round(shipping * TAX_RATE)
  return {
    subtotal: euros(subtotal),
    discount_total: euros(discount),
    shipping_total: euros(shipping),
    shipping_tax: euros(shippingTax),
    tax_total: euros(tax),
    grand_total: euros(subtotal - discount + shipping + shippingTax + tax),
  }
}

function itemOf(line: Line, status: string) {
  const { product, discountCents, taxCents } = line
  return {
    ...shortItemOf(line, status),
    item_type: 'product',
    title: product.title,
    pricebook_id: 'default',
    pricebook_price: euros(product.cents),
    list_price: euros(product.cents),
    item_discounts: 0,
    order_discounts: euros(discountCents),
    tax: euros(taxCents),
    tax_provider_details: [{ name: 'IVA', amount: euros(taxCents), rate: TAX_RATE }],
    discounts: discountCents === 0 ? [] : [{ coupon_code: 'DODICI10', action: 'percentage' }],
  }
}

function shortItemOf({ id, product, quantity }: Line, status: string) {
  return { id, product_id: product.id, quantity, status }
}

function costOf({ product, quantity, discountCents, taxCents }: Line): number {
  return product.cents * quantity - discountCents + taxCents
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function euros(cents: number): number {
  return cents / 100
}

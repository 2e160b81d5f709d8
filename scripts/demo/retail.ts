// One business day of a small retailer as events, in order. Pure: the seed and the date decide
// everything. So a test knows the day, and the demo shows the same day each time.

import { type Chance, createChance } from '../kit/chance.ts'
import { type RetailEvent, retailEvent, timeOfDay } from './event.ts'
import { type Fate, liveOrder, type StockMove } from './order.ts'
import { type Customer, createCustomer, LOCATIONS, PRODUCTS } from './shop.ts'

/** Minutes since midnight. */
const DELIVERY = 6.5 * 60
const OPENING = 8.5 * 60
const LAST_ORDER = 17 * 60
const STOCK_TAKING = 20.5 * 60

/**
 * The events of a day, oldest first: goods arrive, customers buy, some cancel or return, stock is
 * counted.
 */
export function businessDay(options: {
  seed: number
  /** "2026-11-20" */
  date: string
  orders?: number
}): RetailEvent[] {
  const { seed, date, orders = 42 } = options
  const chance = createChance(seed)
  const received = receiveGoods(chance, date)
  const sold = sellGoods(chance, date, orders)
  const moves = [...received.moves, ...sold.moves]
  const events = [...received.events, ...sold.events, ...countStock(chance, date, moves)]
  // Equal times keep their order: sort is stable, and an order's own events are minutes apart.
  return events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
}

/** Each location gets every product, in three deliveries: more of it than a day can sell. */
function receiveGoods(chance: Chance, date: string): Trade {
  const events: RetailEvent[] = []
  const moves: StockMove[] = []
  for (const location of LOCATIONS) {
    for (const products of inParts(PRODUCTS, 3)) {
      const id = chance.uuid()
      const at = timeOfDay(date, DELIVERY + chance.whole(0, 900) / 10)
      const items = products.map((product) => ({
        product_id: product.id,
        quantity: chance.whole(12, 24) * 10,
      }))
      for (const { product_id: productId, quantity } of items) {
        moves.push({ location, productId, quantity })
      }
      const payload = { id, fulfillment_location_id: location, received_at: at, items }
      const facts = { entityId: id, correlationIds: {}, at, payload }
      events.push(retailEvent(chance, 'inventory_transaction', 'items_received', facts))
    }
  }
  return { events, moves }
}

type Trade = { events: RetailEvent[]; moves: StockMove[] }

/** Two of three orders are a new customer's, who registers some minutes before. */
function sellGoods(chance: Chance, date: string, count: number): Trade {
  const events: RetailEvent[] = []
  const moves: StockMove[] = []
  const customers: Customer[] = []
  for (let index = 0; index < count; index++) {
    const minute = OPENING + ((LAST_ORDER - OPENING) * index) / count + chance.whole(0, 80) / 10
    const isNew = index % 3 !== 2
    if (isNew) {
      const customer = createCustomer(chance, customers.length)
      events.push(...register(chance, date, minute - chance.whole(30, 90) / 10, customer))
      customers.push(customer)
    }
    const customer = isNew ? customers.at(-1) : customers[chance.whole(0, customers.length - 1)]
    const life = liveOrder(chance, {
      number: 1_200 + index,
      customer: customer as Customer,
      date,
      minute,
      fate: fateOf(index, count),
    })
    events.push(...life.events)
    moves.push(...life.moves)
  }
  return { events, moves }
}

/** Only early purchases can be returned on the same day. */
function fateOf(index: number, count: number): Fate {
  if (index % 7 === 3) return 'cancelled'
  return index % 4 === 1 && index < count / 2 ? 'returned' : 'completed'
}

function register(
  chance: Chance,
  date: string,
  minute: number,
  customer: Customer,
): [RetailEvent, RetailEvent] {
  const at = timeOfDay(date, minute)
  const common = { entityId: customer.id, correlationIds: { customer_id: customer.id } }
  const created = {
    id: customer.id,
    external_id: customer.number,
    first_name: customer.firstName,
    last_name: customer.lastName,
    email: customer.email,
    created_at: at,
  }
  const later = timeOfDay(date, minute + 1.5)
  const address = {
    id: chance.uuid(),
    customer_id: customer.id,
    is_default_shipping: true,
    created_at: later,
    ...customer.address,
  }
  return [
    retailEvent(chance, 'customer', 'created', { ...common, at, payload: created }),
    retailEvent(chance, 'customer', 'address_created', { ...common, at: later, payload: address }),
  ]
}

/** The expected stock is arrivals minus sales; now and then a piece is missing. */
function countStock(chance: Chance, date: string, moves: StockMove[]): RetailEvent[] {
  return LOCATIONS.flatMap((location, index) =>
    inParts(PRODUCTS, 2).map((products, part) => {
      const id = chance.uuid()
      const at = timeOfDay(date, STOCK_TAKING + index * 12 + part * 5)
      const items = products.map((product) => {
        const expected = moves
          .filter((move) => move.location === location && move.productId === product.id)
          .reduce((total, move) => total + move.quantity, 0)
        const missing = chance.happens(0.1) ? 1 : 0
        return { product_id: product.id, expected, counted: expected - missing }
      })
      const payload = { id, fulfillment_location_id: location, counted_at: at, items }
      const facts = { entityId: id, correlationIds: {}, at, payload }
      return retailEvent(chance, 'inventory_count', 'items_counted', facts)
    }),
  )
}

function inParts<T>(list: readonly T[], parts: number): T[][] {
  const size = Math.ceil(list.length / parts)
  return Array.from({ length: parts }, (_, part) => list.slice(part * size, (part + 1) * size))
}

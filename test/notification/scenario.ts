// A shop with its ups and downs, as events, and which notices follow from them: recomputed from the
// raw events of the log, event by event, knowing nothing of tables.

import type { NewEvent } from '../../src/log/event.ts'
import type { TestDatabase } from '../helpers/database.ts'
import type { TakenMail } from '../helpers/sendgrid.ts'
import { collected, customer, level, wishlist } from '../helpers/shop.ts'

const CUSTOMERS = 1_000
const WISHES = 5
const ITEMS = 300

/** Numbers below `below` that look random and are the same each time. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
}

const item = (n: number) => `item-${String(n).padStart(3, '0')}`

/** 1,000 customers with 5,000 wishes for 300 items, all of them in stock. */
export function opening(): NewEvent[] {
  const next = chance(7)
  const events: NewEvent[] = []
  for (let n = 0; n < ITEMS; n++) {
    const url = `https://shop.example/items/${n}?color=red#size`
    const value = { id: item(n), name: `Item ${n}`, url, product_id: 'p' }
    events.push(collected('variant_product', 'create', item(n), value))
    events.push(level(item(n), 1 + next(9), 'north'))
  }
  for (let n = 0; n < CUSTOMERS; n++) {
    // Families share an address: SendGrid takes it once a request.
    const email = `family-${Math.floor(n / 5)}@example.com`
    const marketing_consent = next(10) > 0
    events.push(customer(`c-${n}`, { email, marketing_consent }))
    const items = new Set<string>()
    while (items.size < WISHES) items.add(item(next(ITEMS)))
    events.push(wishlist(`w-${n}`, `c-${n}`, [...items]))
  }
  return events
}

/** Every item goes out of stock and comes back; some go again at once, some wishes change. */
export function turn(seed: number): NewEvent[] {
  const next = chance(seed)
  const events: NewEvent[] = []
  const everything = Array.from({ length: ITEMS }, (_, n) => n)
  for (const n of everything) {
    events.push(level(item(n), 0, 'north'), level(item(n), next(2) - 1, 'south'))
  }
  for (let k = 0; k < 50; k++) {
    const n = next(CUSTOMERS)
    const items = Array.from({ length: WISHES }, () => item(next(ITEMS)))
    events.push(wishlist(`w-${n}`, `c-${n}`, [...new Set(items)]))
  }
  const back = everything.map((n) => {
    const where = next(2) === 0 ? 'north' : 'south'
    return { variant_id: item(n), location_id: where, available: 1 + next(4) }
  })
  for (let from = 0; from < ITEMS; from += 60) {
    const levels = back.slice(from, from + 60).map((one) => {
      return { ...one, id: `${one.variant_id}-${one.location_id}` }
    })
    events.push(collected('inventory_level', 'bulk_update', 'levels', levels))
  }
  for (const { variant_id, location_id } of back.filter(() => next(10) === 0)) {
    events.push(level(variant_id, 0, location_id))
  }
  // Put on the list when it is back already: no news.
  for (let k = 0; k < 20; k++) {
    const n = next(CUSTOMERS)
    events.push(wishlist(`w-${n}`, `c-${n}`, [item(next(ITEMS)), item(next(ITEMS))]))
  }
  return events
}

type Posted = { event_payload: { base64_encoded_payload_json: string } }
type Value = {
  id?: string
  variant_id?: string
  available?: number
  email?: string
  marketing_consent?: boolean
  customer_id?: string
  items?: { variant_id: string }[]
}

/**
 * By customer, the items to be told of for each window (from, to] of positions, one after the
 * other.
 */
export async function recompute(
  database: TestDatabase,
  windows: [from: number, to: number][],
): Promise<Map<string, string[]>[]> {
  const { rows } = await database.pool.query(
    `select position, name, entity_id, payload from event
     where tenant = 'dodici' order by position`,
  )
  const consenting = new Set<string>()
  const levels = new Map<string, { item: string; available: number }>()
  const wishes = new Map<string, { customer: string; since: Map<string, number> }>()
  const restocked = new Map<string, number>()
  const results: Map<string, string[]>[] = []
  const stock = (of: string) =>
    [...levels.values()].reduce(
      (sum, one) => sum + (one.item === of ? Math.max(0, one.available) : 0),
      0,
    )
  const finish = (from: number) => {
    const told = new Map<string, string[]>()
    for (const { customer, since } of wishes.values()) {
      if (!consenting.has(customer)) continue
      const items = [...since].flatMap(([id, wished]) => {
        const at = restocked.get(id) ?? 0
        return at > from && wished < at && stock(id) > 0 ? [id] : []
      })
      if (items.length > 0) told.set(customer, items.sort())
    }
    results.push(told)
  }
  for (const { position, name, entity_id, payload } of rows) {
    while (windows[results.length] && position > (windows[results.length]?.[1] as number)) {
      finish(windows[results.length]?.[0] as number)
    }
    const encoded = (JSON.parse(payload) as Posted).event_payload.base64_encoded_payload_json
    const decoded = JSON.parse(Buffer.from(encoded, 'base64').toString())
    const values: Value[] = Array.isArray(decoded) ? decoded : [decoded]
    const before = new Map(values.map(({ variant_id = '' }) => [variant_id, stock(variant_id)]))
    for (const value of values) {
      const id = value.id ?? entity_id
      if (name.startsWith('customer.') && value.marketing_consent) consenting.add(id)
      if (name.startsWith('wishlist.')) {
        const since = new Map<string, number>()
        for (const { variant_id } of value.items ?? []) {
          since.set(variant_id, wishes.get(id)?.since.get(variant_id) ?? position)
        }
        wishes.set(id, { customer: value.customer_id as string, since })
      }
      if (name.startsWith('inventory_level.')) {
        const { variant_id = '', available = 0 } = value
        levels.set(id, { item: variant_id, available })
      }
    }
    for (const [id, was] of before) {
      if (id && was === 0 && stock(id) > 0 && name.startsWith('inventory_level.')) {
        restocked.set(id, position)
      }
    }
  }
  while (results.length < windows.length) finish(windows[results.length]?.[0] as number)
  return results
}

/**
 * What came, by customer; throws where a customer got two mails or a mail is not as it should be.
 */
export function toldBy(mails: TakenMail[], limit: number): Map<string, number> {
  const told = new Map<string, number>()
  for (const { template_id, data } of mails) {
    const { customer_id, item_count, items } = data
    if (told.has(customer_id)) throw new Error(`${customer_id} got two mails`)
    told.set(customer_id, item_count)
    if (template_id !== 'd-1') throw new Error(template_id)
    if (items.length !== Math.min(limit, item_count)) throw new Error(JSON.stringify(data))
    for (const { item_id, url } of items) {
      const link = `https://shop.example/items/${Number(item_id.slice(5))}`
      const expected = `${link}?color=red&utm_medium=mail&utm_campaign=autumn#size`
      if (url !== expected) throw new Error(`${url} is not ${expected}`)
    }
  }
  return told
}

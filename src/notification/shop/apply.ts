// Applies an event to a shop. Pure, so that a rebuild does exactly the same as the live code. An
// event is atomic: of ups and downs within it only the end counts. The first known level of an item
// is no restock: it only shows where the log, or its retained part, begins.

import type { EntityChange } from './decode.ts'
import { itemOf, putLevel, type Shop, stockOf } from './shop.ts'

type ChangeOf<Name extends EntityChange['entity']> = Extract<EntityChange, { entity: Name }>

/** Applies the changes of one event, in order. */
export function applyEvent(shop: Shop, changes: EntityChange[]): void {
  const stockBefore = new Map<string, number | undefined>()
  const pricesBefore = new Map(
    changes.flatMap(({ entity, id }) => (entity === 'price' ? [[id, shop.prices.get(id)]] : [])),
  )
  for (const change of changes) {
    if (change.entity !== 'inventory_level') continue
    const items = [itemOf(change.value), shop.levels.get(change.id)?.item_id]
    for (const item of items) if (item) stockBefore.set(item, stockOf(shop, item))
  }

  for (const change of changes) {
    const reason = applyChange(shop, change)
    if (reason) shop.unreadable.push({ position: change.position, entry: change.entry, reason })
  }

  const position = changes[0]?.position ?? 0
  for (const [item_id, before] of stockBefore) {
    if (before === 0 && (stockOf(shop, item_id) ?? 0) > 0) shop.restocks.push({ position, item_id })
  }
  for (const [id, before] of pricesBefore) {
    const after = shop.prices.get(id)
    if (!before || !after || after.amount >= before.amount) continue
    const { item_id, currency, amount } = after
    if (item_id !== before.item_id || currency !== before.currency) continue
    shop.priceDrops.push({ position, item_id, currency, amount_before: before.amount, amount })
  }
}

/** Why a change cannot be applied; undefined if it was. */
function applyChange(shop: Shop, change: EntityChange): string | undefined {
  switch (change.entity) {
    case 'customer':
      return applyCustomer(shop, change)
    case 'wishlist':
      return applyWishlist(shop, change)
    case 'product':
      return applyProduct(shop, change)
    case 'variant_product':
      return applyVariant(shop, change)
    case 'price':
      return applyPrice(shop, change)
    case 'inventory_level':
      return applyLevel(shop, change)
  }
}

/** The value in a change, else the old one, else null. */
function pick<T>(named: T | null | undefined, old: T | null | undefined): T | null {
  return named === undefined ? (old ?? null) : named
}

function applyCustomer({ customers }: Shop, change: ChangeOf<'customer'>): undefined {
  const { id, position, value, isDeleted } = change
  const old = customers.get(id)
  if (isDeleted) {
    customers.delete(id)
    return
  }
  customers.set(id, {
    customer_id: id,
    email: pick(value.email, old?.email),
    first_name: pick(value.first_name, old?.first_name),
    last_name: pick(value.last_name, old?.last_name),
    marketing_consent: pick(value.marketing_consent, old?.marketing_consent),
    position,
  })
}

function applyWishlist({ wishlists }: Shop, change: ChangeOf<'wishlist'>): string | undefined {
  const { id, position, value, isDeleted } = change
  const old = wishlists.get(id) ?? new Map<string, { customer_id: string; position: number }>()
  if (isDeleted) {
    wishlists.set(id, new Map())
    return
  }
  const customer_id = value.customer_id ?? [...old.values()][0]?.customer_id
  if (!customer_id) return 'customer_id is missing, and the wishlist is unknown or has no items'
  const items = value.items?.map(itemOf) ?? [...old.keys()]
  const missing = items.indexOf(undefined)
  if (missing !== -1) return `items.${missing} has neither variant_id nor product_id`
  const rows = (items as string[]).map((item_id) => {
    const known = old.get(item_id)
    const since = known?.customer_id === customer_id ? known.position : position
    return [item_id, { wishlist_id: id, item_id, customer_id, position: since }] as const
  })
  wishlists.set(id, new Map(rows))
}

function applyProduct({ products }: Shop, change: ChangeOf<'product'>): undefined {
  const { id, position, value, isDeleted } = change
  const old = products.get(id)
  if (isDeleted) products.delete(id)
  else products.set(id, { product_id: id, ...display(value, old), position })
}

function applyVariant({ variants }: Shop, change: ChangeOf<'variant_product'>): undefined {
  const { id, position, value, isDeleted } = change
  const old = variants.get(id)
  if (isDeleted) variants.delete(id)
  else {
    const product_id = pick(value.product_id, old?.product_id)
    variants.set(id, { variant_id: id, product_id, ...display(value, old), position })
  }
}

type Display = { name?: string | null; url?: string | null; image_url?: string | null }

function display(value: Display, old: Display | undefined) {
  return {
    name: pick(value.name, old?.name),
    url: pick(value.url, old?.url),
    image_url: pick(value.image_url, old?.image_url),
  }
}

function applyPrice({ prices }: Shop, change: ChangeOf<'price'>): string | undefined {
  const { id, position, value, isDeleted } = change
  const old = prices.get(id)
  if (isDeleted) {
    prices.delete(id)
    return
  }
  const item_id = itemOf(value) ?? old?.item_id
  const amount = value.amount ?? old?.amount
  const currency = value.currency ?? old?.currency
  if (!item_id) return 'variant_id is missing, and the price is unknown'
  if (amount === undefined || !currency) return 'amount or currency is missing'
  prices.set(id, { price_id: id, item_id, currency, amount, position })
}

function applyLevel(shop: Shop, change: ChangeOf<'inventory_level'>): string | undefined {
  const { id, position, value, isDeleted } = change
  const old = shop.levels.get(id)
  const item_id = itemOf(value) ?? old?.item_id
  if (isDeleted && !old) return
  if (!item_id) return 'variant_id is missing, and the level is unknown'
  const available = isDeleted ? 0 : (value.available ?? old?.available)
  if (available === undefined) return 'available is missing'
  const location_id = value.location_id ?? old?.location_id ?? ''
  putLevel(shop, { level_id: id, item_id, location_id, available, position })
}

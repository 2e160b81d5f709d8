// The part of a shop in memory that a batch of events touches. apply.ts changes it, tables.ts loads
// and saves it.

import type { Unreadable } from './decode.ts'

type Named = { name: string | null; url: string | null; image_url: string | null }
export type Rows = {
  shop_customer: {
    customer_id: string
    email: string | null
    first_name: string | null
    last_name: string | null
    marketing_consent: boolean | null
    position: number
  }
  shop_product: Named & { product_id: string; position: number }
  shop_variant: Named & { variant_id: string; product_id: string | null; position: number }
  shop_price: {
    price_id: string
    item_id: string
    currency: string
    amount: number
    position: number
  }
  shop_stock: {
    level_id: string
    item_id: string
    location_id: string
    available: number
    position: number
  }
  shop_wish: { wishlist_id: string; item_id: string; customer_id: string; position: number }
  shop_restock: { position: number; item_id: string }
  shop_price_drop: {
    position: number
    item_id: string
    currency: string
    amount_before: number
    amount: number
  }
  shop_unreadable: Unreadable
}

export type Shop = {
  customers: Map<string, Rows['shop_customer']>
  products: Map<string, Rows['shop_product']>
  variants: Map<string, Rows['shop_variant']>
  prices: Map<string, Rows['shop_price']>
  levels: Map<string, Rows['shop_stock']>
  /** The levels of each item. */
  levelsOf: Map<string, Set<string>>
  /** By wishlist; by item. */
  wishlists: Map<string, Map<string, Rows['shop_wish']>>
  restocks: Rows['shop_restock'][]
  priceDrops: Rows['shop_price_drop'][]
  unreadable: Unreadable[]
}

export function emptyShop(): Shop {
  return {
    customers: new Map(),
    products: new Map(),
    variants: new Map(),
    prices: new Map(),
    levels: new Map(),
    levelsOf: new Map(),
    wishlists: new Map(),
    restocks: [],
    priceDrops: [],
    unreadable: [],
  }
}

/** The item of an entity: a variant, or a product without variants. */
export function itemOf(value: { variant_id?: string; product_id?: string }): string | undefined {
  return value.variant_id ?? value.product_id
}

/** Replaces the level of the same id. */
export function putLevel(shop: Shop, level: Rows['shop_stock']): void {
  const old = shop.levels.get(level.level_id)
  if (old) shop.levelsOf.get(old.item_id)?.delete(old.level_id)
  shop.levels.set(level.level_id, level)
  const ids = shop.levelsOf.get(level.item_id) ?? new Set()
  shop.levelsOf.set(level.item_id, ids.add(level.level_id))
}

/**
 * The stock of an item over all locations, a negative level counting as none; undefined if no level
 * of it is known.
 */
export function stockOf(shop: Shop, itemId: string): number | undefined {
  const ids = shop.levelsOf.get(itemId)
  if (!ids || ids.size === 0) return undefined
  let sum = 0
  for (const id of ids) sum += Math.max(0, shop.levels.get(id)?.available ?? 0)
  return sum
}

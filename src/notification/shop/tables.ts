// The projections of a shop in Postgres. The rows that a batch of events touches are loaded, and
// saved after the changes, in the transaction that moves the cursor. Table names have no schema: a
// rebuild shadows the tables with temporary ones of the same names.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { EntityChange } from './decode.ts'
import { emptyShop, itemOf, putLevel, type Rows, type Shop } from './shop.ts'

type Table = keyof Rows
/** Columns of a table with their types; the first `key` of them are its key after the tenant. */
type Shape = { key: number; columns: Record<string, string> }

const display = { name: 'text', url: 'text', image_url: 'text', position: 'bigint' }
export const shapes: Record<Table, Shape> = {
  shop_customer: {
    key: 1,
    columns: {
      customer_id: 'text',
      email: 'text',
      first_name: 'text',
      last_name: 'text',
      marketing_consent: 'boolean',
      position: 'bigint',
    },
  },
  shop_product: { key: 1, columns: { product_id: 'text', ...display } },
  shop_variant: { key: 1, columns: { variant_id: 'text', product_id: 'text', ...display } },
  shop_price: {
    key: 1,
    columns: {
      price_id: 'text',
      item_id: 'text',
      currency: 'text',
      amount: 'numeric',
      position: 'bigint',
    },
  },
  shop_stock: {
    key: 1,
    columns: {
      level_id: 'text',
      item_id: 'text',
      location_id: 'text',
      available: 'numeric',
      position: 'bigint',
    },
  },
  shop_wish: {
    key: 2,
    columns: { wishlist_id: 'text', item_id: 'text', customer_id: 'text', position: 'bigint' },
  },
  shop_restock: { key: 2, columns: { position: 'bigint', item_id: 'text' } },
  shop_price_drop: {
    key: 3,
    columns: {
      position: 'bigint',
      item_id: 'text',
      currency: 'text',
      amount_before: 'numeric',
      amount: 'numeric',
    },
  },
  shop_unreadable: { key: 2, columns: { position: 'bigint', entry: 'integer', reason: 'text' } },
}

/** The part of a tenant's shop that these changes touch. */
export async function loadShop(db: Db, tenant: string, changes: EntityChange[]): Promise<Shop> {
  const shop = emptyShop()
  const idsOf = (entity: EntityChange['entity']) => [
    ...new Set(changes.filter((change) => change.entity === entity).map(({ id }) => id)),
  ]
  const byId = async <Name extends Table>(table: Name, ids: string[]): Promise<Rows[Name][]> => {
    if (ids.length === 0) return []
    const [key] = Object.keys(shapes[table].columns)
    const { rows } = await sql<Rows[Name]>`
      select ${columnsOf(table)} from ${sql.table(table)}
      where tenant = ${tenant} and ${sql.ref(key as string)} = any(${ids}::text[])`.execute(db)
    return rows
  }
  for (const row of await byId('shop_customer', idsOf('customer'))) {
    shop.customers.set(row.customer_id, row)
  }
  for (const row of await byId('shop_product', idsOf('product'))) {
    shop.products.set(row.product_id, row)
  }
  for (const row of await byId('shop_variant', idsOf('variant_product'))) {
    shop.variants.set(row.variant_id, row)
  }
  for (const row of await byId('shop_price', idsOf('price'))) {
    shop.prices.set(row.price_id, { ...row, amount: Number(row.amount) })
  }
  for (const row of await byId('shop_wish', idsOf('wishlist'))) {
    const list = shop.wishlists.get(row.wishlist_id) ?? new Map()
    shop.wishlists.set(row.wishlist_id, list.set(row.item_id, row))
  }
  const items = changes.flatMap((change) =>
    change.entity === 'inventory_level' ? [itemOf(change.value) ?? []].flat() : [],
  )
  for (const row of await loadLevels(db, tenant, idsOf('inventory_level'), items)) {
    putLevel(shop, { ...row, available: Number(row.available) })
  }
  return shop
}

/** The levels of these ids, and all others of the same items. */
async function loadLevels(
  db: Db,
  tenant: string,
  ids: string[],
  items: string[],
): Promise<Rows['shop_stock'][]> {
  if (ids.length === 0) return []
  const { rows } = await sql<Rows['shop_stock']>`
    select ${columnsOf('shop_stock')} from shop_stock
    where tenant = ${tenant} and item_id = any(array(
      select item_id from shop_stock where tenant = ${tenant} and level_id = any(${ids}::text[])
      union
      select unnest(${items}::text[])
    ))`.execute(db)
  return rows
}

/** Writes the current state of everything that these changes have touched. */
export async function saveShop(
  db: Db,
  tenant: string,
  shop: Shop,
  changes: EntityChange[],
): Promise<void> {
  const touched = (entity: EntityChange['entity']) => [
    ...new Set(changes.filter((change) => change.entity === entity).map(({ id }) => id)),
  ]
  const save = async <Name extends Table>(
    table: Name,
    ids: string[],
    now: Map<string, Rows[Name]>,
  ) => {
    const gone = ids.filter((id) => !now.has(id))
    await remove(db, tenant, table, gone)
    await upsert(
      db,
      tenant,
      table,
      ids.map((id) => now.get(id)).filter((row) => row !== undefined),
    )
  }
  await save('shop_customer', touched('customer'), shop.customers)
  await save('shop_product', touched('product'), shop.products)
  await save('shop_variant', touched('variant_product'), shop.variants)
  await save('shop_price', touched('price'), shop.prices)
  await save('shop_stock', touched('inventory_level'), shop.levels)
  await saveWishes(db, tenant, shop, touched('wishlist'))
  await upsert(db, tenant, 'shop_restock', shop.restocks)
  await upsert(db, tenant, 'shop_price_drop', shop.priceDrops)
  await upsert(db, tenant, 'shop_unreadable', shop.unreadable)
}

async function saveWishes(db: Db, tenant: string, shop: Shop, lists: string[]): Promise<void> {
  const rows = lists.flatMap((id) => [...(shop.wishlists.get(id)?.values() ?? [])])
  if (lists.length > 0) {
    await sql`
      delete from shop_wish
      where tenant = ${tenant} and wishlist_id = any(${lists}::text[])
        and (wishlist_id, item_id) not in (
          select wishlist_id, item_id
          from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
            as kept (wishlist_id text, item_id text)
        )`.execute(db)
  }
  await upsert(db, tenant, 'shop_wish', rows)
}

async function remove(db: Db, tenant: string, table: Table, ids: string[]): Promise<void> {
  if (ids.length === 0) return
  const [key] = Object.keys(shapes[table].columns)
  await sql`
    delete from ${sql.table(table)}
    where tenant = ${tenant} and ${sql.ref(key as string)} = any(${ids}::text[])`.execute(db)
}

async function upsert<Name extends Table>(
  db: Db,
  tenant: string,
  table: Name,
  rows: Rows[Name][],
): Promise<void> {
  if (rows.length === 0) return
  const { key, columns } = shapes[table]
  const names = Object.keys(columns)
  const typed = names.map((name) => sql`${sql.ref(name)} ${sql.raw(columns[name] as string)}`)
  const keys = names.slice(0, key).map((name) => sql.ref(name))
  const values = names
    .slice(key)
    .map((name) => sql`${sql.ref(name)} = ${sql.ref(`excluded.${name}`)}`)
  const conflict = values.length > 0 ? sql`do update set ${sql.join(values)}` : sql`do nothing`
  await sql`
    insert into ${sql.table(table)} (tenant, ${columnsOf(table)})
    select distinct on (${sql.join(keys)}) ${tenant}, ${columnsOf(table)}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given (${sql.join(typed)})
    on conflict (tenant, ${sql.join(keys)}) ${conflict}`.execute(db)
}

function columnsOf(table: Table) {
  return sql.join(Object.keys(shapes[table].columns).map((name) => sql.ref(name)))
}

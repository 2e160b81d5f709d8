// The input of a batch's mails: the customers, their wishlists, and the items on them, as of now.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { JobDocument } from '../job.ts'
import { type Customer, type Due, type MailedItem, restListed, type Situation } from './audience.ts'

/** The situation of due notices. */
export async function readSituation(
  db: Db,
  tenant: string,
  job: JobDocument,
  due: Due[],
): Promise<Situation> {
  const ids = [...new Set(due.map(({ customer_id }) => customer_id))]
  const customers = await sql<Customer>`
    select customer_id, email, first_name, last_name, marketing_consent
    from shop_customer
    where tenant = ${tenant} and customer_id = any(${ids}::text[])`.execute(db)
  const wishes = await sql<{ customer_id: string; items: string[] }>`
    select customer_id, array_agg(item_id order by position, item_id) as items
    from (
      select customer_id, item_id, min(position) as position
      from shop_wish
      where tenant = ${tenant} and customer_id = any(${ids}::text[])
      group by customer_id, item_id
    ) as wish
    group by customer_id`.execute(db)
  const wanted = new Set(due.map(({ item_id }) => item_id).filter(Boolean))
  // Of the rest of a wishlist only the items that a mail may list: reading all of it took longer
  // than everything else together.
  for (const { items } of wishes.rows) for (const item of restListed(job, items)) wanted.add(item)
  return {
    job,
    due,
    customers: new Map(customers.rows.map((row) => [row.customer_id, row])),
    wishes: new Map(wishes.rows.map(({ customer_id, items }) => [customer_id, items])),
    items: await readItems(db, tenant, [...wanted]),
  }
}

async function readItems(db: Db, tenant: string, ids: string[]): Promise<Map<string, MailedItem>> {
  const { rows } = await sql<MailedItem>`
    select
      wanted.item_id,
      variant.product_id,
      coalesce(variant.name, product.name) as name,
      coalesce(variant.url, product.url) as url,
      coalesce(variant.image_url, product.image_url) as image_url,
      (
        select coalesce(sum(greatest(available, 0)), 0)::double precision
        from shop_stock
        where tenant = ${tenant} and item_id = wanted.item_id
      ) as available,
      (
        select coalesce(
          jsonb_agg(jsonb_build_object('currency', currency, 'amount', amount) order by price_id),
          '[]'
        )
        from shop_price
        where tenant = ${tenant} and item_id = wanted.item_id
      ) as prices
    from unnest(${ids}::text[]) as wanted (item_id)
    left join shop_variant as variant
      on variant.tenant = ${tenant} and variant.variant_id = wanted.item_id
    left join shop_product as product
      on product.tenant = ${tenant}
      and product.product_id = coalesce(variant.product_id, wanted.item_id)`.execute(db)
  return new Map(rows.map((row) => [row.item_id, row]))
}

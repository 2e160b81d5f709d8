// How far the projections of a shop are behind the log, their row counts, and their skipped events.

import { sql } from 'kysely'
import { type Static, Type } from 'typebox'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { PositionValue, timeOf } from '../log/position.ts'
import { SHOP } from './shop/project.ts'

export const ShopStatistics = Type.Object(
  {
    position: PositionValue('The projections include everything up to here.'),
    lag_events: Type.Integer({ description: 'Later events of the log, of any name.' }),
    lag_seconds: Type.Number({ description: 'The age of the oldest of them.' }),
    customers: Type.Integer(),
    products: Type.Integer(),
    variants: Type.Integer(),
    prices: Type.Integer(),
    inventory_levels: Type.Integer(),
    wishlist_items: Type.Integer(),
    unreadable: Type.Integer({ description: 'Skipped entities, of events in the log.' }),
    last_unreadable: Type.Array(
      Type.Object(
        {
          position: PositionValue('Of the event.'),
          published_at: Type.String({ format: 'date-time' }),
          entry: Type.Integer({ description: 'The index in a bulk operation, from 0.' }),
          reason: Type.String(),
        },
        { title: 'UnreadableEntity' },
      ),
    ),
  },
  { title: 'ShopStatistics' },
)

type Row = Omit<Static<typeof ShopStatistics>, 'lag_seconds' | 'last_unreadable'> & {
  oldest: number | null
  last_unreadable: { position: number; entry: number; reason: string }[]
}

/** The statistics of a tenant's shop at `now` (ms); undefined if no job has started it. */
export async function readShopStatistics(
  db: Db,
  tenant: string,
  now: number,
): Promise<Static<typeof ShopStatistics> | undefined> {
  const count = (table: string) =>
    sql`(select count(*)::integer from ${sql.table(table)} where tenant = ${tenant})`
  const { rows } = await sql<Row>`
    select
      read_position as position, behind.events as lag_events, behind.oldest,
      ${count('shop_customer')} as customers, ${count('shop_product')} as products,
      ${count('shop_variant')} as variants, ${count('shop_price')} as prices,
      ${count('shop_stock')} as inventory_levels, ${count('shop_wish')} as wishlist_items,
      ${count('shop_unreadable')} as unreadable,
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'position', position, 'entry', entry, 'reason', reason
        ))
        from (
          select position, entry, reason from shop_unreadable
          where tenant = ${tenant}
          order by position desc, entry desc
          limit ${limits.unreadableShown}
        ) as newest
      ), '[]') as last_unreadable
    from cursor
    cross join lateral (
      select count(*)::integer as events, min(event.position) as oldest
      from event
      where event.tenant = cursor.tenant and event.position > cursor.read_position
    ) as behind
    where cursor.tenant = ${tenant} and cursor.consumer = ${SHOP} and cursor.run = 0`.execute(db)
  const [row] = rows
  if (!row) return undefined
  const { oldest, last_unreadable, ...counts } = row
  return {
    ...counts,
    lag_seconds: oldest === null ? 0 : Math.max(0, now / 1000 - oldest / 1_000_000),
    last_unreadable: last_unreadable.map((one) => ({
      ...one,
      published_at: timeOf(one.position),
    })),
  }
}

// Turns the shop's changes since the last run into notices. A window has few occasions, and each
// finds its customers by the index of wishes. So a run costs as much as it has to mail, whatever
// the size of the shop. An item counts for the customers who had it on a wishlist at that moment.

import { type RawBuilder, sql } from 'kysely'
import type { Notification } from '../job.ts'
import type { Due } from './audience.ts'

/** The part of the log that a run looks at. */
type Window = {
  tenant: string
  /** The position of the run's request: the occasion of a reminder. */
  runPosition: number
  /** Exclusive. */
  from: number
  /** Inclusive. */
  to: number
}

/** The statement that writes due notices, except those that another run has already written. */
export function dueQuery(
  notification: Notification,
  window: Window & { jobId: string; runId: string },
): RawBuilder<unknown> {
  const { tenant, jobId, runId } = window
  return sql`
    insert into notice (
      tenant, notification, job_id, run_id, position, customer_id, item_id, previous_price, currency
    )
    select ${tenant}, ${notification}, ${jobId}, ${runId}::uuid, candidate.*
    from (${candidates[notification](window)}) as candidate
    on conflict do nothing`
}

/**
 * The notices that a run of the job would send now, as rows of a query: those that wait, and those
 * that dueQuery would write.
 */
export function sendableQuery(
  notification: Notification,
  window: Window & { jobId: string },
): RawBuilder<Due> {
  const { tenant, jobId } = window
  return sql<Due>`
    select position, customer_id, item_id, previous_price, currency
    from notice
    where tenant = ${tenant} and job_id = ${jobId} and notification = ${notification}
      and state in ('due', 'capped')
    union all
    select candidate.*
    from (${candidates[notification](window)})
      as candidate (position, customer_id, item_id, previous_price, currency)
    where not exists (
      select from notice as known
      where known.tenant = ${tenant} and known.notification = ${notification}
        and known.position = candidate.position and known.customer_id = candidate.customer_id
        and known.item_id = candidate.item_id
    )`
}

const candidates: Record<Notification, (window: Window) => RawBuilder<unknown>> = {
  // An item that came back twice makes one notice, for the last time.
  BACK_IN_STOCK: ({ tenant, from, to }) => sql`
    select occasion.position, wish.customer_id, wish.item_id, null::numeric, null::text
    from (
      select item_id, max(position) as position
      from shop_restock
      where tenant = ${tenant} and position > ${from} and position <= ${to}
      group by item_id
    ) as occasion
    join shop_wish as wish
      on wish.tenant = ${tenant} and wish.item_id = occasion.item_id
      and wish.position < occasion.position`,
  // A price that fell twice is compared with the price before the first drop.
  PRICE_DROP: ({ tenant, from, to }) => sql`
    select occasion.position, wish.customer_id, wish.item_id, amount_before, currency
    from (
      select distinct on (item_id)
        item_id, currency, max(position) as position,
        (array_agg(amount_before order by position))[1] as amount_before
      from shop_price_drop
      where tenant = ${tenant} and position > ${from} and position <= ${to}
      group by item_id, currency
      order by item_id, currency
    ) as occasion
    join shop_wish as wish
      on wish.tenant = ${tenant} and wish.item_id = occasion.item_id
      and wish.position < occasion.position`,
  WISHLIST_REMINDER: ({ tenant, runPosition }) => sql`
    select distinct ${runPosition}::bigint, customer_id, '', null::numeric, null::text
    from shop_wish
    where tenant = ${tenant}`,
}

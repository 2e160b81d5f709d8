// Removes data as old as the dropped events: occasions and notices (a window never goes back, so
// none can return), finished runs, and unreadable entities. These stay, however old: occasions that
// an active job has yet to look at, and notices that are due or capped, or that still count for
// their customers.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { IS_RECENT } from './cap.ts'

/** Rows per statement; it repeats while there are more. */
const ROWS = 10_000

const SETTLED = sql`
  state not in ('due', 'sending', 'capped') and (mailed_at is null or not ${IS_RECENT})`
const OVER = sql`state in ('completed', 'failed')`
const ALL = sql`true`
/** A job that runs once a month may find them when their events have been dropped. */
const SEEN = sql`
  position <= coalesce((
    select min(through_position)
    from notification_job as job
    where job.tenant = occasion.tenant and not (job.document ->> 'deleted')::boolean
      and (job.document ->> 'is_active')::boolean
  ), position)`
const retired = [
  { table: 'shop_restock', condition: SEEN },
  { table: 'shop_price_drop', condition: SEEN },
  { table: 'shop_unreadable', condition: ALL },
  { table: 'notice', condition: SETTLED },
  { table: 'notification_run', condition: OVER },
]

/** Removes rows older than the position `before`; returns how many. */
export async function retireNotices(db: Db, before: number): Promise<number> {
  let removed = 0
  const tenants = await db.selectFrom('notification_job').select('tenant').distinct().execute()
  for (const { tenant } of tenants) {
    for (const { table, condition } of retired) {
      let rows: number
      do {
        const result = await sql`
          delete from ${sql.table(table)}
          where tenant = ${tenant} and ctid = any(array(
            select ctid from ${sql.table(table)} as occasion
            where tenant = ${tenant} and position < ${before} and ${condition}
            limit ${ROWS}
          ))`.execute(db)
        rows = Number(result.numAffectedRows)
        removed += rows
      } while (rows === ROWS)
    }
  }
  return removed
}

// Removes data as old as the dropped events: occasions and notices (a window never goes back, so
// none can return), finished runs, and unreadable entities. Notices that are due or capped stay,
// however old, and so do those of mails that still count for their customers.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { IS_RECENT } from './cap.ts'

/** Rows per statement; it repeats while there are more. */
const ROWS = 10_000

const SETTLED = sql`
  state not in ('due', 'sending', 'capped') and (mailed_at is null or not ${IS_RECENT})`
const OVER = sql`state in ('completed', 'failed')`
const ALL = sql`true`
const retired = [
  { table: 'shop_restock', condition: ALL },
  { table: 'shop_price_drop', condition: ALL },
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
            select ctid from ${sql.table(table)}
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

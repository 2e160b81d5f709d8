// What is as old as the events that are gone goes too: occasions and lines of the ledger (a window
// never goes back, so none of them can come again), finished runs, and what could not be read. What
// is still due stays, however old.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'

/** Rows that one statement removes; it is repeated while there are more. */
const ROWS = 10_000

const SETTLED = sql`state not in ('due', 'sending')`
const OVER = sql`state in ('completed', 'failed')`
const ALL = sql`true`
const retired = [
  { table: 'shop_restock', condition: ALL },
  { table: 'shop_price_drop', condition: ALL },
  { table: 'shop_unreadable', condition: ALL },
  { table: 'notice', condition: SETTLED },
  { table: 'notification_run', condition: OVER },
]

/** Removes what is older than the position `before`, and tells how many rows that were. */
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

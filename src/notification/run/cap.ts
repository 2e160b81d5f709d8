// How many mails a customer may get in seven days. The ledger is the truth: mails of all jobs of
// the tenant count, those that may have arrived too. Runs that start sending wait for each other
// (ledger.ts), so the count is exact. Notices over the cap wait for the next run.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'

export const CAPPED = 'The customer has had as many mails in seven days as the job allows.'

/** SQL: whether a notice's mail left within the last seven days. */
export const IS_RECENT = sql`mailed_at > clock_timestamp() - interval '168 hours'`

/** Those of the customers who have had `most` mails; nobody if it is null. */
export async function cappedCustomers(
  db: Db,
  tenant: string,
  customers: string[],
  most: number | null,
): Promise<Set<string>> {
  if (most === null) return new Set()
  const { rows } = await sql<{ customer_id: string }>`
    select customer_id
    from notice
    where tenant = ${tenant} and customer_id = any(${customers}::text[]) and ${IS_RECENT}
    group by customer_id
    having count(distinct (job_id, mailed_at)) >= ${most}`.execute(db)
  return new Set(rows.map(({ customer_id }) => customer_id))
}

/** Orders the mails of a tenant, until the transaction ends, so that each counts for the next. */
export async function lockMails(db: Db, tenant: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('mails:' || ${tenant}, 0))`.execute(db)
}

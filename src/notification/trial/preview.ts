// The customers who would get a mail if a job ran now, and their mails. It asks as a run does
// (run/), in one read-only snapshot, and changes nothing.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { timeOf } from '../../log/position.ts'
import type { JobDocument } from '../job.ts'
import { type Audience, audienceOf, type Due } from '../run/audience.ts'
import { windowEnd } from '../run/begin.ts'
import { CAPPED, cappedCustomers } from '../run/cap.ts'
import { dueOf } from '../run/ledger.ts'
import { sendableQuery } from '../run/occasions.ts'
import { readSituation } from '../run/situation.ts'
import { MOST_EXAMINED, type Preview } from './schemas.ts'

/** Customers whose situation is read at once, as a run does. */
const STEP = 1_000

/** `customer`: only this one; `shown`: how many mails, and customers of a reason, are listed. */
type Asked = { shown: number; customer: string | undefined }

/** Everything that one preview reads; undefined if the tenant has no such job. */
export async function previewJob(
  db: Db,
  tenant: string,
  jobId: string,
  asked: Asked,
): Promise<Preview | undefined> {
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only')
  return snapshot.execute(async (trx) => {
    const job = await readJob(trx, tenant, jobId)
    if (!job) return undefined
    const { document, from, now } = job
    const to = await windowEnd(trx, tenant, from)
    const window = { tenant, jobId, runPosition: now, from, to }
    const query = sendableQuery(document.notification, window)
    const { customers, due } = await readDue(trx, query, asked.customer)
    const tally = createTally(asked.shown)
    const groups = [...Map.groupBy(due, ({ customer_id }) => customer_id).values()]
    for (let start = 0; start < groups.length; start += STEP) {
      const step = groups.slice(start, start + STEP).flat()
      const audience = audienceOf(await readSituation(trx, tenant, document, step))
      const ids = audience.mails.map(({ customer_id }) => customer_id)
      const most = document.max_mails_per_week ?? null
      tally.add(audience, await cappedCustomers(trx, tenant, ids, most))
    }
    const examined = groups.length
    return { as_of: timeOf(now), position: to, customers, examined, ...tally.sum() }
  })
}

async function readJob(trx: Db, tenant: string, id: string) {
  const { rows } = await sql<{ document: JobDocument; from: number; now: number }>`
    select document, through_position as "from", position_of(now()) as now
    from notification_job
    where tenant = ${tenant} and id = ${id}`.execute(trx)
  return rows[0]
}

/** The notices of the first customers, by their ids, and how many customers there are in all. */
async function readDue(
  trx: Db,
  query: ReturnType<typeof sendableQuery>,
  customer: string | undefined,
): Promise<{ customers: number; due: Due[] }> {
  const isAsked = customer === undefined ? sql`true` : sql`customer_id = ${customer}`
  const { rows } = await sql<Due & { customers: number }>`
    with due as materialized (select * from (${query}) as sendable where ${isAsked}),
    customer as (select distinct customer_id from due),
    first as (select customer_id from customer order by customer_id limit ${MOST_EXAMINED})
    select due.*, (select count(*)::integer from customer) as customers
    from due
    where customer_id in (select customer_id from first)
    order by customer_id, position, item_id`.execute(trx)
  return {
    customers: rows[0]?.customers ?? 0,
    due: rows.map(({ customers: _, ...due }) => dueOf(due)),
  }
}

/** Adds up the audiences of a preview. */
function createTally(shown: number) {
  const mails: Preview['mails'] = []
  const withheld = new Map<string, Set<string>>()
  let recipients = 0
  const withhold = (reason: string, customer: string) => {
    const customers = withheld.get(reason) ?? new Set()
    withheld.set(reason, customers.add(customer))
  }
  return {
    add(audience: Audience, capped: Set<string>): void {
      for (const { due, reason } of audience.withheld) withhold(reason, due.customer_id)
      for (const { customer_id, mail } of audience.mails) {
        if (capped.has(customer_id)) {
          withhold(CAPPED, customer_id)
          continue
        }
        recipients++
        const { email, name, data } = mail
        const named = name === undefined ? {} : { name }
        if (mails.length < shown) mails.push({ customer_id, email, ...named, data })
      }
    },
    sum(): Pick<Preview, 'recipients' | 'mails' | 'withheld'> {
      const reasons = [...withheld].map(([reason, customers]) => ({
        reason,
        customers: customers.size,
        first: [...customers].slice(0, shown),
      }))
      const byCount = reasons.sort((a, b) => b.customers - a.customers)
      return { recipients, mails, withheld: byCount }
    },
  }
}

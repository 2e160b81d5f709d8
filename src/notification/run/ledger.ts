// The ledger moves each notice from `due` to its end, in three steps, or to `capped` (cap.ts). A
// crash may come between any two.
// * due: committed before anything leaves. After a crash it has certainly not left: it is sent.
// * sending: committed right before the request. After a crash the request may have left, and
//   SendGrid cannot tell. It counts as mailed (`unconfirmed`): a customer gets a notice at most
//   once. Sending it again would mail up to a thousand customers twice for each crash. This way
//   loses mails only in the milliseconds between the commit and the write to the socket.
// * settled: SendGrid has answered. 429 and 5xx are answers: it was not accepted, and is due again.

import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { Notification } from '../job.ts'
import type { Due } from './audience.ts'
import { CAPPED, cappedCustomers, lockMails } from './cap.ts'
import { heldDocument, type JobLease } from './lease.ts'

type State = 'due' | 'sending' | 'sent' | 'rejected' | 'withheld' | 'unconfirmed' | 'capped'
type Line = { due: Due; reason?: string }
type Move = { from: State; to: State }

export type RunKey = { lease: JobLease; runId: string; notification: Notification }

/**
 * The due notices of a job's next `most` customers, from any of its runs. Only of the job's current
 * kind: after a change of kind, older notices wait until it is changed back.
 */
export async function nextDue(
  db: Db,
  { lease, notification }: RunKey,
  most: number,
): Promise<Due[]> {
  const { rows } = await dueBatchQuery(lease, notification, most).execute(db)
  return rows.map(dueOf)
}

/** A row of the ledger: Postgres gives a price as text. */
export function dueOf(row: Due): Due {
  return { ...row, previous_price: row.previous_price === null ? null : Number(row.previous_price) }
}

/** The statement of nextDue. */
export function dueBatchQuery(
  { tenant, jobId }: Pick<JobLease, 'tenant' | 'jobId'>,
  notification: Notification,
  most: number,
): RawBuilder<Due> {
  const isOfJob = sql`tenant = ${tenant} and job_id = ${jobId} and notification = ${notification}`
  return sql<Due>`
    select customer_id, item_id, position, previous_price, currency
    from notice
    where ${isOfJob} and state = 'due'
      and customer_id <= (
        select max(customer_id) from (
          select distinct customer_id
          from notice
          where ${isOfJob} and state = 'due'
          order by customer_id
          limit ${most}
        ) as batch
      )
    order by customer_id, position, item_id`
}

/**
 * Moves notices on, and updates the counts. Returns false, and moves nothing, if another worker has
 * the lease by now. Throws if one of them is not in the state `from`.
 */
export async function moveNotices(
  db: Db,
  key: RunKey,
  lines: Line[],
  move: Move,
): Promise<boolean> {
  if (lines.length === 0) return true
  return db.transaction().execute(async (trx) => {
    if (!(await isStillHeld(trx, key))) return false
    await moveLines(trx, key, lines, move)
    return true
  })
}

/**
 * Moves the notices of mails to `sending`, or to `capped` if their customer has had `mostMails` in
 * seven days. Returns the mails that are to be sent; undefined, and moves nothing, if another
 * worker has the lease by now.
 */
export async function startSending<Sending extends { customer_id: string; dues: Due[] }>(
  db: Db,
  key: RunKey,
  mails: Sending[],
  mostMails: number | null,
): Promise<Sending[] | undefined> {
  const { tenant } = key.lease
  const customers = mails.map(({ customer_id }) => customer_id)
  return db.transaction().execute(async (trx) => {
    if (!(await isStillHeld(trx, key))) return undefined
    await lockMails(trx, tenant)
    const capped = await cappedCustomers(trx, tenant, customers, mostMails)
    const waiting = mails.filter(({ customer_id }) => capped.has(customer_id))
    const leaving = mails.filter(({ customer_id }) => !capped.has(customer_id))
    const held = waiting.flatMap(({ dues }) => dues.map((due) => ({ due, reason: CAPPED })))
    await moveLines(trx, key, held, { from: 'due', to: 'capped' })
    const lines = leaving.flatMap(({ dues }) => dues.map((due) => ({ due })))
    await moveLines(trx, key, lines, { from: 'due', to: 'sending' })
    return leaving
  })
}

async function isStillHeld(trx: Db, { lease }: RunKey): Promise<boolean> {
  return (await heldDocument(trx, lease, 'share')) !== undefined
}

async function moveLines(
  trx: Db,
  { lease, runId, notification }: RunKey,
  lines: Line[],
  { from, to }: Move,
): Promise<void> {
  if (lines.length === 0) return
  const keys = lines.map(({ due: { position, customer_id, item_id }, reason }) => ({
    position,
    customer_id,
    item_id,
    reason,
  }))
  const moved = await sql`
    update notice
    set state = ${to}, run_id = ${runId}, reason = key.reason, mailed_at = ${mailedAt(to)}
    from jsonb_to_recordset(${JSON.stringify(keys)}::jsonb)
      as key (position bigint, customer_id text, item_id text, reason text)
    where tenant = ${lease.tenant} and notification = ${notification}
      and notice.position = key.position and notice.customer_id = key.customer_id
      and notice.item_id = key.item_id and state = ${from}`.execute(trx)
  if (Number(moved.numAffectedRows) !== keys.length) {
    throw new Error(`${moved.numAffectedRows} of ${keys.length} notices were ${from}.`)
  }
  if (to === 'due' || to === 'sending') return
  const customers = new Set(lines.map(({ due }) => due.customer_id)).size
  await sql`
    update notification_run
    set ${sql.ref(to)} = ${sql.ref(to)} + ${customers}::integer,
      notices = notices + ${to === 'sent' ? keys.length : 0}::integer
    where tenant = ${lease.tenant} and job_id = ${lease.jobId} and id = ${runId}`.execute(trx)
}

/** A mail that has certainly not arrived does not count for its customer. */
function mailedAt(to: State): RawBuilder<unknown> {
  if (to === 'sending') return sql`statement_timestamp()`
  return to === 'due' || to === 'rejected' ? sql`null` : sql`mailed_at`
}

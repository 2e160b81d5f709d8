// Begins a run, or continues an interrupted one. One transaction writes the run, all its due
// notices, the job's position in the log, and its next tick. So a tick runs once, whichever worker
// takes it, and no notice is lost. After downtime a job runs once for all missed ticks: the window
// reaches from its last run to now, and the next tick is after now. A tick that comes while a run
// is interrupted has its own run after that one, whose window has ended.

import { sql } from 'kysely'
import type { Clock } from '../../clock.ts'
import type { Db } from '../../db/pool.ts'
import { type JobDocument, nextRunOf } from '../job.ts'
import { heldDocument, isHeld, type JobLease, type LeasedJob } from './lease.ts'
import { dueQuery } from './occasions.ts'

type OpenRun = { id: string; attempts: number }

type RunRow = { id: string; state: 'queued' | 'running'; position: number; attempts: number }

/** The run to carry out; undefined if there is none, or if another worker has the lease by now. */
export async function beginRun(
  db: Db,
  leased: LeasedJob,
  clock: Clock,
): Promise<OpenRun | undefined> {
  const { lease, tick } = leased
  const { tenant, jobId } = lease
  return db.transaction().execute(async (trx) => {
    // It may have changed since the lease was taken, its next tick too.
    const document = await heldDocument(trx, lease, 'update')
    if (!document) return undefined
    const before = await openRun(trx, tenant, jobId)
    if (before?.state === 'running') {
      await resolveSending(trx, tenant, jobId, before.id)
      return before
    }
    if (tick) await moveTick(trx, lease, document, clock)
    const open = before ?? (tick && (await runOf(trx, lease, tick)))
    if (!open) return undefined

    const from = leased.throughPosition
    const to = await windowEnd(trx, tenant, from)
    await sql`
      update notice set state = 'due', reason = null
      where tenant = ${tenant} and job_id = ${jobId} and state = 'capped'`.execute(trx)
    const window = { tenant, jobId, runId: open.id, runPosition: open.position, from, to }
    const found = await dueQuery(document.notification, window).execute(trx)
    await sql`
      update notification_job set through_position = ${to} where ${isHeld(lease)}`.execute(trx)
    await sql`
      update notification_run
      set state = 'running', started_at = clock_timestamp(), from_position = ${from},
        to_position = ${to}, found = ${Number(found.numAffectedRows)}
      where tenant = ${tenant} and job_id = ${jobId} and id = ${open.id}`.execute(trx)
    return open
  })
}

/** Where the window of a run ends that begins now: what the shop has read, at least `from`. */
export async function windowEnd(db: Db, tenant: string, from: number): Promise<number> {
  const { rows } = await sql<{ to: number }>`
    select greatest(
      ${from}::bigint,
      (select read_position from cursor
       where tenant = ${tenant} and consumer = 'projection:shop' and run = 0)
    ) as "to"`.execute(db)
  return rows[0]?.to ?? from
}

async function moveTick(
  db: Db,
  lease: JobLease,
  document: JobDocument,
  clock: Clock,
): Promise<void> {
  const next = nextRunOf(document, clock())
  await sql`
    update notification_job
    set next_run_at = ${next === undefined ? null : new Date(next)}::timestamptz
    where ${isHeld(lease)}`.execute(db)
}

async function openRun(db: Db, tenant: string, jobId: string): Promise<RunRow | undefined> {
  const { rows } = await sql<RunRow>`
    select id, state, position, attempts from notification_run
    where tenant = ${tenant} and job_id = ${jobId} and state in ('queued', 'running')`.execute(db)
  return rows[0]
}

/** The run for a tick, unless there was one. */
async function runOf(
  db: Db,
  { tenant, jobId }: LeasedJob['lease'],
  tick: Date,
): Promise<RunRow | undefined> {
  const { rows } = await sql<RunRow>`
    insert into notification_run (tenant, job_id, position, cause, tick_at)
    values (${tenant}, ${jobId}, position_of(clock_timestamp()), 'schedule', ${tick})
    on conflict do nothing
    returning id, state, position, attempts`.execute(db)
  return rows[0]
}

/** Resolves what a worker left in the state `sending`: see ledger.ts. */
async function resolveSending(db: Db, tenant: string, jobId: string, runId: string): Promise<void> {
  await sql`
    with left_over as (
      update notice
      set state = 'unconfirmed', reason = 'A worker ended while the request was on its way.'
      where tenant = ${tenant} and job_id = ${jobId} and state = 'sending'
      returning customer_id
    )
    update notification_run
    set unconfirmed = unconfirmed + (select count(distinct customer_id) from left_over)
    where tenant = ${tenant} and job_id = ${jobId} and id = ${runId}`.execute(db)
}

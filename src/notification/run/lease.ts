// The lease of a job: one worker at a time runs it, as with a cursor (delivery/cursor.ts). Jobs of
// the runner are hints; rows hold the work. Every write of a run checks owner and epoch.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { isGone } from '../../db/presence.ts'
import { leaseEnd } from '../../delivery/cursor.ts'
import type { JobDocument } from '../job.ts'

export type JobLease = { tenant: string; jobId: string; owner: string; epoch: number }

export type LeasedJob = {
  lease: JobLease
  throughPosition: number
  /** The job's tick, if it is due. */
  tick: Date | null
}

/** Whether a job has work: its tick is due, or a run is neither over nor waiting. */
export const IS_DUE = sql`
  case
    when exists (
      select from notification_run as open
      where open.tenant = job.tenant and open.job_id = job.id
        and open.state in ('queued', 'running')
    )
    then exists (
      select from notification_run as open
      where open.tenant = job.tenant and open.job_id = job.id
        and open.state in ('queued', 'running')
        and is_due(open.retry_at, open.retry_set_at)
    )
    else coalesce(job.next_run_at <= clock_timestamp(), false)
  end`

/** SQL: whether the lease of `job` is free: it has ended, or its worker is gone. */
export const IS_FREE = sql`(not is_held(job.lease_until) or ${sql.raw(isGone('job.owner'))})`

/** Takes the lease of a job; undefined if another worker holds it, or if there is no work. */
export async function takeJob(
  db: Db,
  { tenant, jobId }: { tenant: string; jobId: string },
  owner: string,
  leaseMs: number,
): Promise<LeasedJob | undefined> {
  const { rows } = await sql<Omit<LeasedJob, 'lease'> & { epoch: number }>`
    update notification_job as job
    set owner = ${owner}, epoch = epoch + 1, lease_until = ${leaseEnd(leaseMs)}
    where tenant = ${tenant} and id = ${jobId}
      and ${IS_FREE}
      and ${IS_DUE}
    returning
      epoch, through_position as "throughPosition",
      case when next_run_at <= clock_timestamp() then next_run_at end as tick`.execute(db)
  const [row] = rows
  if (!row) return undefined
  const { epoch, ...leased } = row
  return { lease: { tenant, jobId, owner, epoch }, ...leased }
}

/** Renews a lease, and says whether it is still ours. */
export async function renewJob(db: Db, lease: JobLease, leaseMs: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update notification_job set lease_until = ${leaseEnd(leaseMs)}
    where ${isHeld(lease)}`.execute(db)
  return Boolean(numAffectedRows)
}

/** Gives a lease back, if it is still ours. */
export async function releaseJob(db: Db, lease: JobLease): Promise<void> {
  await sql`
    update notification_job set owner = null, lease_until = null
    where ${isHeld(lease)}`.execute(db)
}

/** The document as it is now, and a lock on it; undefined if the lease is not ours any more. */
export async function heldDocument(
  trx: Db,
  lease: JobLease,
  lock: 'share' | 'update',
): Promise<JobDocument | undefined> {
  const { rows } = await sql<{ document: JobDocument }>`
    select document from notification_job where ${isHeld(lease)} for ${sql.raw(lock)}`.execute(trx)
  return rows[0]?.document
}

/** The condition that a job's row still belongs to the lease. */
export function isHeld({ tenant, jobId, owner, epoch }: JobLease) {
  return sql<boolean>`
    tenant = ${tenant} and id = ${jobId} and owner = ${owner} and epoch = ${epoch}`
}

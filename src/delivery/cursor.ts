// The cursor of a consumer and its lease. A lease is the mutual exclusion between workers: a job is
// only a hint that there is something to do. Every write names the owner and the epoch it was
// given; a write that finds no row is a zombie's, and the zombie stops. Progress is written with
// relaxed durability: a database crash may take back 200 ms of it, and then events are sent again,
// which at-least-once allows.

import { sql } from 'kysely'
import type { AdvanceJob } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import type { IntegrationDocument } from '../integration/integration.ts'

export type Lease = AdvanceJob & { owner: string; epoch: number }

/**
 * What a worker gets with a lease: where the consumer stands, and its configuration at that moment.
 */
export type Leased = {
  lease: Lease
  readPosition: number
  unresolved: number[]
  /** The last position of a replay; null follows the log for ever. */
  stopPosition: number | null
  attempts: number
  version: number
  document: IntegrationDocument
}

/**
 * Takes the lease of a cursor for `leaseMs`. Undefined where another worker holds it, its
 * integration is stopped or gone, or its retry is not due.
 */
export async function takeLease(
  db: Db,
  job: AdvanceJob,
  owner: string,
  leaseMs: number,
): Promise<Leased | undefined> {
  const { rows } = await sql<Omit<Leased, 'lease'> & { epoch: number }>`
    with running as (
      -- Shared: a stop waits for this statement, or this one sees the stop.
      select tenant, id, version, document
      from integration
      where tenant = ${job.tenant} and id = ${job.consumer} and status = 'running'
      for share
    )
    update cursor
    set owner = ${owner}, epoch = cursor.epoch + 1, lease_until = ${leaseEnd(leaseMs)}
    from running
    where cursor.tenant = running.tenant and cursor.consumer = running.id
      and cursor.run = ${job.run}
      and (cursor.lease_until is null or cursor.lease_until < clock_timestamp())
      and (cursor.retry_at is null or cursor.retry_at <= clock_timestamp())
    returning
      cursor.epoch, cursor.read_position as "readPosition", cursor.unresolved,
      cursor.stop_position as "stopPosition", cursor.attempts,
      running.version, running.document`.execute(db)
  const [row] = rows
  if (!row) return undefined
  const { epoch, ...leased } = row
  return { lease: { ...job, owner, epoch }, ...leased }
}

/** A step of a cursor: where it stands now, and what was settled since the step before. */
export type Step = {
  readPosition: number
  unresolved: number[]
  attempts: number
  version: number
  fromPosition: number
  toPosition: number
  delivered: number
  rejected: number
  filtered: number
  latencyHistogram: number[]
}

/** Whether the integration is still meant to run; `lost` where the lease is another's by now. */
export type StepOutcome = 'running' | 'stopped' | 'lost'

/** Writes a step with its receipt, and keeps the lease for another `leaseMs`. */
export async function moveCursor(
  db: Db,
  lease: Lease,
  step: Step,
  leaseMs: number,
): Promise<StepOutcome> {
  return write(db, lease, step, sql`lease_until = ${leaseEnd(leaseMs)}, retry_at = null`)
}

/** Writes the last step and lets go. `retryInMs`: nobody takes it before. */
export async function releaseCursor(
  db: Db,
  lease: Lease,
  step: Step,
  retryInMs: number | undefined,
): Promise<StepOutcome> {
  const retryAt =
    retryInMs === undefined
      ? sql`null`
      : sql`clock_timestamp() + ${retryInMs}::double precision * interval '1 millisecond'`
  return write(db, lease, step, sql`owner = null, lease_until = null, retry_at = ${retryAt}`)
}

async function write(
  db: Db,
  lease: Lease,
  step: Step,
  hold: ReturnType<typeof sql>,
): Promise<StepOutcome> {
  const { rows } = await sql<{ status: 'running' | 'stopped' }>`
    with moved as (
      update cursor
      set read_position = ${step.readPosition}, unresolved = ${`{${step.unresolved}}`}::bigint[],
        attempts = ${step.attempts}, ${hold}
      from integration
      where cursor.tenant = ${lease.tenant} and cursor.consumer = ${lease.consumer}
        and cursor.run = ${lease.run}
        and cursor.owner = ${lease.owner} and cursor.epoch = ${lease.epoch}
        and integration.tenant = cursor.tenant and integration.id = cursor.consumer
      returning integration.status
    ),
    receipted as (
      insert into receipt (
        tenant, position, consumer, run, version, from_position, to_position,
        delivered, rejected, filtered, latency_ms_histogram
      )
      select
        ${lease.tenant}, position_of(clock_timestamp()), ${lease.consumer}, ${lease.run}::integer,
        ${step.version}::integer, ${step.fromPosition}::bigint, ${step.toPosition}::bigint,
        ${step.delivered}::integer, ${step.rejected}::integer, ${step.filtered}::integer,
        ${step.latencyHistogram}::integer[]
      from moved
      where ${step.delivered + step.rejected + step.filtered}::integer > 0
    )
    select status from moved`.execute(db)
  return rows[0]?.status ?? 'lost'
}

function leaseEnd(leaseMs: number) {
  return sql`clock_timestamp() + ${leaseMs}::double precision * interval '1 millisecond'`
}

/**
 * Completes a replay that has come to its end, and says whether it did: then its cursor is gone,
 * and so is a temporary integration from the list.
 */
export async function completeReplay(db: Db, job: AdvanceJob): Promise<boolean> {
  const { rows } = await sql<{ completed: boolean }>`
    select complete_replay(${job.tenant}, ${job.consumer}, ${job.run}) as completed`.execute(db)
  return rows[0]?.completed ?? false
}

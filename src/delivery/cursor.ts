// The cursor of a consumer and its lease. The lease is the mutual exclusion between workers; a job
// is only a hint. Every write checks owner and epoch: if it finds no row, its turn has lost the
// lease, and ends. All turns of a worker have the same owner, the worker's presence; epochs
// tell them apart. A step with a lost answer may arrive after the next one, or be executed already:
// no step moves the cursor back. Progress is written with relaxed durability: a database crash may
// undo 200 ms of it, and then events are sent again, which at-least-once allows. All statements are
// prepared: planning such short ones takes longer than running them, and there are hundreds a
// second.

import { type RawBuilder, sql } from 'kysely'
import type { AdvanceJob } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import { isGone } from '../db/presence.ts'
import { latestPosition } from '../log/position.ts'
import type { Configuration } from './configuration.ts'
import { databaseNow } from './database-now.ts'

export type Lease = AdvanceJob & { owner: string; epoch: number }

/** A worker's view of a leased consumer: its position, and its configuration at that moment. */
export type Leased = {
  lease: Lease
  readPosition: number
  unresolved: number[]
  /** The last position of a replay; null follows the log for ever. */
  stopPosition: number | null
  attempts: number
  version: number
  /** The version under which the unresolved events were read; null: unknown. */
  windowVersion: number | null
  configuration: Configuration
  /** For a stopped integration: its last file has the events up to this position. */
  finishBy: number | null
}

/**
 * How long others wait after the lease has ended, if a worker dies while it writes a last file.
 */
const FINISH_MS = 30_000

/**
 * Takes the lease of a cursor for `leaseMs`, also from a worker that is gone. Undefined if another
 * worker holds it, its consumer is gone or stopped (without a file to finish), or its retry is not
 * due.
 */
export async function takeLease(
  db: Db,
  job: AdvanceJob,
  owner: string,
  leaseMs: number,
): Promise<Leased | undefined> {
  const { rows } = await sql<
    Omit<Leased, 'lease' | 'configuration'> & Configuration & { epoch: number }
  >`
    /* prepared: take_lease */
    with configured as (
      -- Shared: a stop waits for this statement, or this statement sees the stop.
      select tenant, id, kind, version, status, document,
        coalesce(stopped_position, changed_position) as stopped_position
      from consumer
      where tenant = ${job.tenant} and id = ${job.consumer}
      for share
    )
    update cursor
    set owner = ${owner}, epoch = cursor.epoch + 1, lease_until = ${leaseEnd(leaseMs)},
      close_until = case when status = 'stopped' then ${leaseEnd(leaseMs + FINISH_MS)} end
    from configured
    where cursor.tenant = configured.tenant and cursor.consumer = configured.id
      and cursor.run = ${job.run}
      and (not is_held(cursor.lease_until) or ${sql.raw(isGone('cursor.owner'))})
      and case
        when status = 'running' then is_due(cursor.retry_at, cursor.retry_set_at)
        else is_held(cursor.close_until)
      end
    returning
      cursor.epoch, cursor.read_position as "readPosition", cursor.unresolved,
      cursor.stop_position as "stopPosition", cursor.attempts,
      cursor.version as "windowVersion", configured.version, configured.kind, configured.document,
      case when status = 'stopped' then stopped_position end as "finishBy"`.execute(db)
  const [row] = rows
  if (!row) return undefined
  const { epoch, kind, document, ...leased } = row
  return {
    lease: { ...job, owner, epoch },
    configuration: { kind, document } as Configuration,
    ...leased,
  }
}

/** A step of a cursor: its new position, and the events settled since the previous step. */
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

/**
 * The state of the consumer at a step: it runs unchanged since the lease, was stopped, or has
 * another version (`superseded`); or another worker has the lease (`lost`).
 */
export type StepOutcome = 'running' | 'stopped' | 'superseded' | 'lost'

/** A part of the step's statement that writes something else with it; it reads from `moved`. */
type Along = {
  /** The name of the prepared statement. */
  name: string
  part: RawBuilder<unknown>
}

/**
 * Writes a step with its receipt, and renews the lease for `leaseMs`. A cursor already ahead of the
 * step stays.
 */
export function moveCursor(
  db: Db,
  lease: Lease,
  step: Step,
  leaseMs: number,
): Promise<StepOutcome> {
  return moveCursorAlong(db, lease, { step, leaseMs }, { name: 'move_cursor', part: sql`` })
}

/** The same, with another write in the same statement: both happen, or neither. */
export function moveCursorAlong(
  db: Db,
  lease: Lease,
  { step, leaseMs }: { step: Step; leaseMs: number },
  along: Along,
): Promise<StepOutcome> {
  const hold = sql`lease_until = ${leaseEnd(leaseMs)}, retry_at = null`
  return write(db, lease, step, { ...along, hold })
}

/**
 * Writes down what the window of an earlier version has settled out of order, before this version
 * settles the rest of it.
 */
export async function saveWindow(db: Db, leased: Leased): Promise<void> {
  const { lease, version, windowVersion, unresolved } = leased
  if (unresolved.length === 0 || windowVersion === version) return
  const { tenant, consumer, run, owner, epoch } = lease
  await sql`
    select keep_window(
      ${tenant}, ${consumer}, ${run}::integer, ${version}::integer, ${owner}, ${epoch}::bigint,
      ${databaseNow()}
    )`.execute(db)
}

/** Renews the lease for `leaseMs`, and moves nothing. */
export async function renewLease(db: Db, lease: Lease, leaseMs: number): Promise<StepOutcome> {
  const { rows } = await sql<{ status: 'running' | 'stopped' }>`
    /* prepared: renew_lease */
    update cursor
    set lease_until = ${leaseEnd(leaseMs)}
    from consumer
    where cursor.tenant = ${lease.tenant} and cursor.consumer = ${lease.consumer}
      and cursor.run = ${lease.run} and cursor.owner = ${lease.owner}
      and cursor.epoch = ${lease.epoch}
      and consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
    returning consumer.status`.execute(db)
  return rows[0]?.status ?? 'lost'
}

/**
 * Writes the last step and releases the lease. `retryInMs`: nobody takes it before. `isFinished`:
 * no file is left to be finished.
 */
export function releaseCursor(
  db: Db,
  lease: Lease,
  step: Step,
  { retryInMs, isFinished = false }: { retryInMs?: number | undefined; isFinished?: boolean } = {},
): Promise<StepOutcome> {
  const hold = sql`owner = null, lease_until = null,
    retry_set_at = clock_timestamp(),
    retry_at = clock_timestamp()
      + ${retryInMs ?? null}::double precision * interval '1 millisecond',
    close_until = case when not ${isFinished} then close_until end`
  return write(db, lease, step, { name: 'release_cursor', hold, part: sql`` })
}

async function write(
  db: Db,
  lease: Lease,
  step: Step,
  { name, part, hold }: Along & { hold: RawBuilder<unknown> },
): Promise<StepOutcome> {
  const unresolved = sql`${`{${step.unresolved}}`}::bigint[]`
  // Under one lease the read position only grows, and between reads the number of unresolved events
  // only shrinks. So these two order any two steps.
  const isAhead = sql`(cursor.read_position, -cardinality(cursor.unresolved))
    > (${step.readPosition}::bigint, -cardinality(${unresolved}))`
  const { rows } = await sql<{ status: Exclude<StepOutcome, 'lost'> }>`
    /* prepared: ${sql.raw(name)} */
    with moved as (
      update cursor
      set
        read_position = greatest(cursor.read_position, ${step.readPosition}::bigint),
        unresolved = case when ${isAhead} then cursor.unresolved else ${unresolved} end,
        attempts = case when ${isAhead} then cursor.attempts else ${step.attempts} end,
        version = ${step.version}::integer,
        ${hold}
      from consumer
      where cursor.tenant = ${lease.tenant} and cursor.consumer = ${lease.consumer}
        and cursor.run = ${lease.run}
        and cursor.owner = ${lease.owner} and cursor.epoch = ${lease.epoch}
        and consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
      returning
        case
          when consumer.status = 'running' and consumer.version <> ${step.version}
          then 'superseded' else consumer.status
        end as status
    ),
    receipted as (
      insert into receipt (
        tenant, position, consumer, run, version, from_position, to_position,
        delivered, rejected, filtered, latency_ms_histogram
      )
      select
        ${lease.tenant}, ${databaseNow()}, ${lease.consumer}, ${lease.run}::integer,
        ${step.version}::integer, ${step.fromPosition}::bigint, ${step.toPosition}::bigint,
        ${step.delivered}::integer, ${step.rejected}::integer, ${step.filtered}::integer,
        ${step.latencyHistogram}::integer[]
      from moved
      where ${step.delivered + step.rejected + step.filtered}::integer > 0
    )${part}
    select status from moved`.execute(db)
  return rows[0]?.status ?? 'lost'
}

function leaseEnd(leaseMs: number) {
  return sql`clock_timestamp() + ${leaseMs}::double precision * interval '1 millisecond'`
}

/**
 * Completes a replay at its end, and returns whether it did: then its cursor is gone, and a
 * temporary integration too. A replay that keeps rejected events stops, and completes when they are
 * gone (complete_waiting).
 */
export async function completeReplay(db: Db, job: AdvanceJob): Promise<boolean> {
  const { rows } = await sql<{ completed: boolean }>`
    select complete_replay(
      ${job.tenant}, ${job.consumer}, ${job.run}, ${latestPosition()}
    ) as completed`.execute(db)
  return rows[0]?.completed ?? false
}

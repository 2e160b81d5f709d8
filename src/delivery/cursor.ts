// The cursor of a consumer and its lease. The lease is the mutual exclusion between workers; a job
// is only a hint. Every write checks owner and epoch: if it finds no row, its turn has lost the
// lease, and ends. All turns of a worker have the same owner, the worker's presence; epochs
// tell them apart. Progress is written with relaxed durability: a database crash may undo 200 ms of
// it, and then events are sent again, which at-least-once allows. All statements are prepared:
// planning such short ones takes longer than running them, and there are hundreds a second.

import { sql } from 'kysely'
import type { AdvanceJob } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import { isGone } from '../db/presence.ts'
import type { Configuration, ReplayTerms } from './configuration.ts'
import { databaseNow } from './database-now.ts'

export type Lease = AdvanceJob & { owner: string; epoch: number }

/** Events that a cursor has settled since its counts began, and the latencies since the lease. */
export type Totals = {
  delivered: number
  rejected: number
  filtered: number
  /** By the buckets of a receipt. */
  latencyHistogram: number[]
}

/** A worker's view of a leased consumer: its position, and its configuration at that moment. */
export type Leased = {
  lease: Lease
  readPosition: number
  unresolved: number[]
  /** The last position of a replay; null follows the log for ever. */
  stopPosition: number | null
  attempts: number
  totals: Totals
  version: number
  /** The version under which the unresolved events were read; null: unknown. */
  windowVersion: number | null
  configuration: Configuration
  /** The terms of a replay beside the live stream; null: it has none of its own. */
  terms: ReplayTerms | null
  /** For a stopped integration: its last file has the events up to this position. */
  finishBy: number | null
}

/** Whether a replay is to end, as its record says: then nobody sends for it any more. */
export const IS_ENDING = sql`(cursor.run > 0 and exists (
  select from replay
  where replay.tenant = cursor.tenant and replay.consumer = cursor.consumer
    and replay.number = cursor.run and replay.ends_as is not null
))`

/**
 * How long others wait after the lease has ended, if a worker dies while it writes a last file.
 */
const FINISH_MS = 30_000

/**
 * Takes the lease of a cursor for `leaseMs`, also from a worker that is gone. Undefined if another
 * worker holds it, its consumer is gone or stopped (without a file to finish), its retry is not
 * due, or it is a replay that is to end.
 */
export async function takeLease(
  db: Db,
  job: AdvanceJob,
  owner: string,
  leaseMs: number,
): Promise<Leased | undefined> {
  const { rows } = await sql<
    Omit<Leased, 'lease' | 'configuration' | 'totals'> &
      Configuration &
      Omit<Totals, 'latencyHistogram'> & { epoch: number }
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
      latency_ms_histogram = '{}',
      close_until = case when status = 'stopped' then ${leaseEnd(leaseMs + FINISH_MS)} end
    from configured
    where cursor.tenant = configured.tenant and cursor.consumer = configured.id
      and cursor.run = ${job.run}
      and (not is_held(cursor.lease_until) or ${sql.raw(isGone('cursor.owner'))})
      and case
        when status = 'running' then is_due(cursor.retry_at, cursor.retry_set_at)
        else is_held(cursor.close_until)
      end
      and not ${IS_ENDING}
    returning
      cursor.epoch, cursor.read_position as "readPosition", cursor.unresolved,
      cursor.stop_position as "stopPosition", cursor.attempts,
      cursor.delivered, cursor.rejected, cursor.filtered,
      cursor.version as "windowVersion", configured.version, configured.kind, configured.document,
      case when status = 'stopped' then stopped_position end as "finishBy",
      case when cursor.run > 0 then (
        select jsonb_build_object('filter_conditions', filter_conditions, 'rate', rate)
        from replay
        where replay.tenant = cursor.tenant and replay.consumer = cursor.consumer
          and replay.number = cursor.run
      ) end as terms`.execute(db)
  const [row] = rows
  if (!row) return undefined
  const { epoch, kind, document, delivered, rejected, filtered, ...leased } = row
  return {
    lease: { ...job, owner, epoch },
    configuration: { kind, document } as Configuration,
    totals: { delivered, rejected, filtered, latencyHistogram: [] },
    ...leased,
  }
}

/**
 * The state of the consumer at a step: it runs unchanged since the lease, was stopped, or has
 * another version, or its replay is to end (`superseded`); or another worker has the lease
 * (`lost`).
 */
export type StepOutcome = 'running' | 'stopped' | 'superseded' | 'lost'

/**
 * Writes down what the window of an earlier version has settled out of order, before this version
 * settles the rest of it. `durable`: the steps that follow rest on it.
 */
export async function saveWindow(durable: Db, leased: Leased): Promise<void> {
  const { lease, version, windowVersion, unresolved } = leased
  if (unresolved.length === 0 || windowVersion === version) return
  const { tenant, consumer, run, owner, epoch } = lease
  await sql`
    select keep_window(
      ${tenant}, ${consumer}, ${run}::integer, ${version}::integer, ${owner}, ${epoch}::bigint,
      ${databaseNow()}
    )`.execute(durable)
}

/**
 * Locks the cursor, and returns whether the lease is held and the cursor still stands at
 * `readPosition`: a crash may have undone steps.
 */
export async function standsAt(db: Db, lease: Lease, readPosition: number): Promise<boolean> {
  const { rows } = await sql`
    /* prepared: stands_at */
    select from cursor
    where tenant = ${lease.tenant} and consumer = ${lease.consumer} and run = ${lease.run}
      and owner = ${lease.owner} and epoch = ${lease.epoch}
      and read_position = ${readPosition}
    for no key update`.execute(db)
  return rows.length > 0
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
    returning case when ${IS_ENDING} then 'stopped' else consumer.status end as status`.execute(db)
  return rows[0]?.status ?? 'lost'
}

/** A lease from now on ends then. */
export function leaseEnd(leaseMs: number) {
  return sql`clock_timestamp() + ${leaseMs}::double precision * interval '1 millisecond'`
}

// A step: one statement that moves a cursor, writes the receipt and renews or releases the lease.
//
// Two things may come between a turn and its row. A step with a lost answer may be executed
// already, or arrive after the next one. And a crash may undo steps that were answered, while the
// lease and the turn live on. So a step says where the turn stands, and how much is settled in
// total, never what is new: the row takes the further of the two. The receipt gets the difference
// to the row, and begins where the row stood. So the next step makes up for one that was undone,
// and a step that is executed twice counts once.

import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { IS_ENDING, type Lease, leaseEnd, type StepOutcome, type Totals } from './cursor.ts'
import { boundTriggers, databaseNow } from './database-now.ts'

/** A step of a cursor: where its turn stands, and all that is settled by then. */
export type Step = {
  readPosition: number
  unresolved: number[]
  attempts: number
  /** The version under which the unresolved events were read; null: unknown. */
  version: number | null
  totals: Totals
}

/** Everything up to here is settled. */
const SETTLED_POSITION = sql`coalesce(cursor.unresolved[1] - 1, cursor.read_position)`

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
  { readPosition, unresolved, attempts, version, totals }: Step,
  { name, part, hold }: Along & { hold: RawBuilder<unknown> },
): Promise<StepOutcome> {
  const waiting = sql`${`{${unresolved}}`}::bigint[]`
  // Under one lease the read position only grows, and between reads the number of unresolved events
  // only shrinks. So these two order any two steps.
  const isAhead = sql`(cursor.read_position, -cardinality(cursor.unresolved))
    > (${readPosition}::bigint, -cardinality(${waiting}))`
  const { rows } = await sql<{ status: Exclude<StepOutcome, 'lost'> }>`
    /* prepared: ${sql.raw(name)} */
    with before as (
      select tenant, consumer, run, delivered, rejected, filtered, latency_ms_histogram,
        ${SETTLED_POSITION} as settled_position, ${boundTriggers()}
      from cursor
      where tenant = ${lease.tenant} and consumer = ${lease.consumer} and run = ${lease.run}
        and owner = ${lease.owner} and epoch = ${lease.epoch}
      for no key update
    ),
    moved as (
      update cursor
      set
        read_position = greatest(cursor.read_position, ${readPosition}::bigint),
        unresolved = case when ${isAhead} then cursor.unresolved else ${waiting} end,
        attempts = case when ${isAhead} then cursor.attempts else ${attempts} end,
        version = ${version}::integer,
        delivered = greatest(cursor.delivered, ${totals.delivered}::bigint),
        rejected = greatest(cursor.rejected, ${totals.rejected}::bigint),
        filtered = greatest(cursor.filtered, ${totals.filtered}::bigint),
        latency_ms_histogram = case
          when ${totals.delivered}::bigint > cursor.delivered
          then ${totals.latencyHistogram}::integer[] else cursor.latency_ms_histogram
        end,
        ${hold}
      from before, consumer
      where cursor.tenant = before.tenant and cursor.consumer = before.consumer
        and cursor.run = before.run
        and consumer.tenant = before.tenant and consumer.id = before.consumer
      returning
        case
          when consumer.status = 'running' and (consumer.version <> cursor.version or ${IS_ENDING})
          then 'superseded' else consumer.status
        end as status,
        cursor.tenant, cursor.consumer, cursor.run, cursor.version,
        before.settled_position as from_position, ${SETTLED_POSITION} as to_position,
        (cursor.delivered - before.delivered)::integer as delivered,
        (cursor.rejected - before.rejected)::integer as rejected,
        (cursor.filtered - before.filtered)::integer as filtered,
        cursor.latency_ms_histogram as latencies, before.latency_ms_histogram as latencies_before
    ),
    receipted as (
      insert into receipt (
        tenant, position, consumer, run, version, from_position, to_position,
        delivered, rejected, filtered, latency_ms_histogram
      )
      select
        tenant, ${databaseNow()}, consumer, run, version, from_position, to_position,
        delivered, rejected, filtered,
        array(
          select count - coalesce(latencies_before[bucket], 0)
          from unnest(latencies) with ordinality as latency (count, bucket) order by bucket
        )
      from moved
      where delivered + rejected + filtered > 0
    )${part}
    select status from moved`.execute(db)
  return rows[0]?.status ?? 'lost'
}

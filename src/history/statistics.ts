// Statistics of a consumer: its position, lag, speed and counts, and the progress of a replay. They
// are computed from the cursor, the log after it, and the receipts.

import { sql } from 'kysely'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import { ownRunOf, type SendingConfiguration, selectionOf } from '../delivery/configuration.ts'
import { bucketLimitMs } from '../delivery/progress.ts'
import type { FoundConsumer } from '../delivery/subject.ts'
import { END_OF_LOG, positionOf, timeOf } from '../log/position.ts'
import { takes } from '../log/read.ts'

/** The most events to count: beyond it the numbers are a lower bound. */
const COUNTED_EVENTS = 1_000_000
const RATE_SECONDS = 60
const LATENCY_SECONDS = 3_600

type Statistics = {
  status: FoundConsumer['status'] | 'interrupted'
  lag_events: number
  lag_seconds: number
  events_per_second: number
  last_delivery_at: string | null
  failures_in_a_row: number
  next_retry_at: string | null
  latency_ms: { p50: number | null; p90: number | null; p99: number | null }
  counts: {
    since: string
    passed: number
    delivered: number
    rejected: number
    filtered_out: number
  }
  replay: {
    delivered: number
    rejected: number
    taken_later: number
    total: number
    estimated_seconds_left: number | null
  } | null
}

/** Events that were settled after a position. */
type Counts = { after: number; delivered: number; rejected: number; filtered: number }

type Row = {
  /** Whether it has a cursor. */
  isThere: boolean
  attempts: number
  retryAt: Date | null
  pending: number
  oldest: number | null
  /** The counts of its steps; null without a cursor. */
  counts: Counts | null
  takenLater: number
  recent: number
  lastDelivery: number | null
  histogram: number[] | null
}

/**
 * The statistics of a consumer's newest life at the time `now` (ms). An ended consumer has nothing
 * left to send. Its receipts are retained from the position `retainedFrom` on. Undefined if it has
 * ended since it was found.
 */
export async function readStatistics(
  db: Db,
  tenant: string,
  { id, status, configuration, createdPosition }: FoundConsumer,
  { now, retainedFrom }: { now: number; retainedFrom: number },
): Promise<Statistics | undefined> {
  const hasEnded = status === 'completed' || status === 'deleted'
  const row = await readRow(db, tenant, { id, configuration, createdPosition }, now)
  if (!row.isThere && !hasEnded) return undefined
  const about = { id, configuration, createdPosition, retainedFrom }
  const counts = await countsOf(db, tenant, about, row)
  // An event ahead of the clock waits, too: no clock tells for how long, but it is not 0.
  const lagMs = row.oldest === null ? 0 : Math.abs(now - row.oldest / 1000)
  // A young consumer has not existed for a whole minute.
  const ageSeconds = Math.max(1, now / 1000 - createdPosition / 1_000_000)
  const rate = row.recent / Math.min(RATE_SECONDS, ageSeconds)
  const endsAt = configuration.kind === 'integration' ? configuration.document.ends_at : undefined
  const quantile = (part: number) => quantileOf(row.histogram ?? [], part)
  return {
    status: status === 'running' && row.attempts > 0 ? 'interrupted' : status,
    lag_events: row.pending,
    lag_seconds: Math.round(lagMs) / 1000,
    events_per_second: Math.round(rate * 10) / 10,
    last_delivery_at: row.lastDelivery === null ? null : timeOf(row.lastDelivery),
    failures_in_a_row: row.attempts,
    // Without a failure, retry_at is the next time to look for a file. A stopped one tries nothing.
    next_retry_at: (status === 'running' && row.attempts > 0 && row.retryAt?.toISOString()) || null,
    latency_ms: { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99) },
    counts: {
      since: timeOf(counts.after),
      passed: counts.delivered + counts.rejected,
      delivered: counts.delivered,
      rejected: counts.rejected,
      filtered_out: counts.filtered,
    },
    replay:
      endsAt === undefined
        ? null
        : replayOf({ ...row, ...counts }, rate, hasEnded ? now : msOf(endsAt), now),
  }
}

function msOf(time: string): number {
  return (positionOf(time) as number) / 1000
}

function replayOf(
  row: Pick<Row, 'takenLater' | 'pending'> & Counts,
  rate: number,
  endsAtMs: number,
  now: number,
) {
  const { delivered, rejected, takenLater: taken_later, pending } = row
  const secondsToEnd = Math.max(0, (endsAtMs - now) / 1000)
  const atThisRate = pending === 0 ? 0 : rate === 0 ? null : Math.ceil(pending / rate)
  const left = atThisRate === null ? null : Math.max(atThisRate, Math.ceil(secondsToEnd))
  const total = delivered + rejected + pending
  return { delivered, rejected, taken_later, total, estimated_seconds_left: left }
}

/** The upper end, in ms, of the bucket with the quantile; null without counts. */
export function quantileOf(histogram: number[], part: number): number | null {
  const total = histogram.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (const [bucket, count] of histogram.entries()) {
    seen += count
    if (count > 0 && seen >= part * total) return bucketLimitMs(bucket)
  }
  return null
}

async function readRow(
  db: Db,
  tenant: string,
  { id, configuration, createdPosition }: Omit<FoundConsumer, 'status' | 'desired'>,
  now: number,
): Promise<Row> {
  const result = await sql<Row>`
    with own_cursor as (
      -- Its own run is the lowest.
      select run, read_position, unresolved, stop_position, attempts, retry_at,
        jsonb_build_object('after', counted_after, 'delivered', delivered, 'rejected', rejected,
          'filtered', filtered) as counts
      from cursor
      where tenant = ${tenant} and consumer = ${id}
      order by run
      limit 1
    ),
    ${behindQuery(tenant, id, configuration)},
    receipts as (
      select position, delivered, latency_ms_histogram
      from receipt
      where tenant = ${tenant} and consumer = ${id} and position >= ${createdPosition}
        and run = ${ownRun(configuration)}
    ),
    -- Rejected, then sent again by hand and delivered.
    taken_later as (
      select position, event_position
      from attempt
      where tenant = ${tenant} and consumer = ${id} and position >= ${createdPosition}
        and run = ${ownRun(configuration)}
        and outcome = 'delivered'
    ),
    latencies as (
      select bucket, sum(count)::integer as count
      from receipts
      cross join unnest(latency_ms_histogram) with ordinality as histogram (count, bucket)
      where position > ${(now - LATENCY_SECONDS * 1000) * 1000}
      group by bucket
    )
    select
      own_cursor.run is not null as "isThere",
      coalesce(attempts, 0) as attempts,
      retry_at as "retryAt",
      (select count(*)::integer from behind) as pending,
      (select min(position) from behind) as oldest,
      counts,
      (select count(distinct event_position)::integer from taken_later) as "takenLater",
      (
        select coalesce(sum(delivered), 0)::integer
        from receipts
        where position > ${(now - RATE_SECONDS * 1000) * 1000}
      ) as recent,
      greatest(
        (select position from receipts where delivered > 0 order by position desc limit 1),
        (select max(position) from taken_later)
      ) as "lastDelivery",
      (select array_agg(count order by bucket) from latencies) as histogram
    from (select) as always
    left join own_cursor on true`.execute(db)
  return onlyRow(result)
}

/** The run that it was registered with. */
function ownRun(configuration: SendingConfiguration) {
  return sql`coalesce((select run from own_cursor), ${ownRunOf(configuration)}::integer)`
}

/**
 * The settled events of a consumer. Steps count since its registration, or since the migration that
 * added the counts. For an older replay the receipts have more. For an ended consumer only they are
 * left, as far back as they are retained.
 */
async function countsOf(
  db: Db,
  tenant: string,
  about: Omit<FoundConsumer, 'status' | 'desired'> & { retainedFrom: number },
  { counts }: Row,
): Promise<Counts> {
  const { id, configuration, createdPosition, retainedFrom } = about
  const isReplay = ownRunOf(configuration) > 0
  if (counts && (counts.after <= createdPosition || !isReplay)) return counts
  const after = Math.max(createdPosition, retainedFrom)
  const result = await sql<Counts>`
    select ${after}::bigint as after,
      coalesce(sum(delivered), 0)::bigint as delivered,
      coalesce(sum(rejected), 0)::bigint as rejected,
      coalesce(sum(filtered), 0)::bigint as filtered
    from receipt
    where tenant = ${tenant} and consumer = ${id} and position >= ${after}
      and run = ${ownRunOf(configuration)}`.execute(db)
  return onlyRow(result)
}

/** Events that `own_cursor` has yet to deliver. */
function behindQuery(tenant: string, consumer: string, configuration: SendingConfiguration) {
  const selection = selectionOf({
    configuration,
    terms: null,
    lease: { consumer, run: ownRunOf(configuration) },
  })
  return sql`
    behind as (
      -- Events that were read and not sent yet follow the current filter.
      select event.position
      from own_cursor
      join event on event.tenant = ${tenant} and event.position = any(unresolved)
      where ${takes(selection)}
      union all
      select event.position
      from own_cursor
      cross join lateral (
        select position
        from event
        where tenant = ${tenant}
          and position > read_position
          and position <= coalesce(stop_position, ${END_OF_LOG}::bigint)
          and ${takes(selection)}
        order by position
        limit ${COUNTED_EVENTS}
      ) as event
    )`
}

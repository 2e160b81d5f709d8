// The last hour of a consumer's stream, minute by minute: its receipts say what was settled and how
// late, and its attempts what failed.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { ownRunOf } from '../../delivery/configuration.ts'
import type { FoundConsumer } from '../../delivery/subject.ts'
import { timeOf } from '../../log/position.ts'
import { quantileOf } from '../statistics.ts'

export const MINUTES = 60
const MINUTE_US = 60_000_000

type Row = {
  /** 0 is the oldest. */
  minute: number
  delivered: number
  rejected: number
  failed: number
  histogram: number[] | null
}

type Minute = {
  from: string
  delivered: number
  rejected: number
  failed: number
  latency_ms: { p50: number | null; p90: number | null; p99: number | null }
}

/** The minutes up to that of `now` (ms), the oldest first. Those before its registration are 0. */
export async function readMinutes(
  db: Db,
  tenant: string,
  consumer: FoundConsumer,
  now: number,
): Promise<Minute[]> {
  const current = Math.floor((now * 1_000) / MINUTE_US) * MINUTE_US
  const from = current - (MINUTES - 1) * MINUTE_US
  const rows = await readRows(db, tenant, consumer, from)
  return Array.from({ length: MINUTES }, (_, i) => {
    const { delivered = 0, rejected = 0, failed = 0, histogram } = rows.get(i) ?? {}
    const quantile = (part: number) => quantileOf(histogram ?? [], part)
    const latency_ms = { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99) }
    return { from: timeOf(from + i * MINUTE_US), delivered, rejected, failed, latency_ms }
  })
}

async function readRows(
  db: Db,
  tenant: string,
  { id, configuration, createdPosition }: FoundConsumer,
  from: number,
): Promise<Map<number, Row>> {
  const own = sql`
    tenant = ${tenant} and consumer = ${id} and run = ${ownRunOf(configuration)}
    and position >= ${Math.max(from, createdPosition)}`
  const minute = sql`(position - ${from}::bigint) / ${sql.lit(MINUTE_US)}`
  const { rows } = await sql<Row>`
    with receipts as materialized (
      select ${minute} as minute, delivered, rejected, latency_ms_histogram
      from receipt
      where ${own}
    ),
    counts as (
      select minute, sum(delivered)::bigint as delivered, sum(rejected)::bigint as rejected
      from receipts
      group by minute
    ),
    buckets as (
      select minute, bucket, sum(count)::integer as count
      from receipts
      cross join unnest(latency_ms_histogram) with ordinality as histogram (count, bucket)
      group by minute, bucket
    ),
    histograms as (
      select minute, array_agg(count order by bucket) as histogram
      from buckets
      group by minute
    ),
    failures as (
      select ${minute} as minute, count(*)::integer as failed
      from attempt
      where ${own} and attempt > 0 and outcome in ('unavailable', 'refused')
      group by minute
    )
    select
      minute, coalesce(delivered, 0) as delivered, coalesce(rejected, 0) as rejected,
      coalesce(failed, 0) as failed, histogram
    from counts
    full join failures using (minute)
    left join histograms using (minute)`.execute(db)
  return new Map(rows.map((row) => [row.minute, row]))
}

// The metrics of all streams, which the database knows: one statement of each process, at most
// every five seconds, and never two at once. The worst streams have a name, and there are at most
// 50 of them: a scrape of a thousand would hold up the process. If the statement takes too long or
// fails, its metrics are missing, and millrace_database_up is 0.

import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { LATE_AFTER_SECONDS } from '../consumer/health.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Logger } from '../logger.ts'
import { observed, type Sample } from '../metrics/metric.ts'

const FRESH_MS = 5_000
const TIMEOUT_MS = 2_000
const MOST_STREAMS = 50

type Stream = {
  tenant: string
  kind: string
  consumer: string
  /** As in its health; and given_up if Millrace has stopped it, and nobody else. */
  state: string
  tries: number
  rejected: number
  /** Of a live stream that runs: how old the oldest event is that is not settled, in seconds. */
  lag: number | null
  /** The seconds until retention removes that event; null: everything is settled. */
  left: number | null
}
type Figures = {
  streams: Stream[]
  states: { kind: string; state: string; count: number }[]
  /** Seconds until the last partition ends, by table. */
  ahead: { table: string; seconds: number }[]
  workers: number
  leases: number
  jobs: number
}

/** Of the last statement; undefined if it failed, or there was none. */
let current: Figures | undefined

observed(
  { name: 'millrace_database_up', help: '1: the figures of the database are there.' },
  () => [{ labels: {}, value: current ? 1 : 0 }],
)
of('millrace_workers', 'Workers with a presence in the database.', ({ workers }) => [
  { labels: {}, value: workers },
])
of('millrace_leases', 'Cursors that a worker has leased.', ({ leases }) => [
  { labels: {}, value: leases },
])
of('millrace_jobs_waiting', 'Jobs that are due, and that no worker has taken.', ({ jobs }) => [
  { labels: {}, value: jobs },
])
of(
  'millrace_partitions_ahead_seconds',
  'How long the partitions of a table last from now on, in seconds.',
  ({ ahead }) => ahead.map(({ table, seconds }) => ({ labels: { table }, value: seconds })),
)
of('millrace_streams', 'Streams, by kind and state.', ({ states }) =>
  states.map(({ kind, state, count }) => ({ labels: { kind, state }, value: count })),
)
of(
  'millrace_stream_state',
  'The state of a stream: ok, behind, failing, given_up or stopped; the value is 1.',
  ({ streams }) =>
    streams.map((stream) => ({ labels: { ...named(stream), state: stream.state }, value: 1 })),
)
ofStream(
  'millrace_stream_lag_seconds',
  'Age of the oldest event that a running live stream has not settled, in seconds.',
  ({ lag }) => lag,
)
ofStream('millrace_stream_failures', 'Failures in a row.', ({ tries }) => tries)
ofStream(
  'millrace_stream_rejected_events',
  'Rejected events that it keeps.',
  ({ rejected }) => rejected,
)
ofStream(
  'millrace_stream_retention_left_seconds',
  'Time until retention removes the oldest event that it has not settled, in seconds.',
  ({ left }) => left,
)

function of(name: string, help: string, samples: (figures: Figures) => Sample[]): void {
  observed({ name, help }, () => (current ? samples(current) : []))
}

/** A metric of the worst streams. */
function ofStream(name: string, help: string, value: (stream: Stream) => number | null): void {
  of(name, help, ({ streams }) =>
    streams.flatMap((stream) => {
      const its = value(stream)
      return its === null ? [] : [{ labels: named(stream), value: its }]
    }),
  )
}

function named({ tenant, kind, consumer }: Stream) {
  return { tenant, kind, consumer }
}

/** Reads the figures anew, unless they are fresh. Never rejects, and takes two seconds at most. */
export function createFigures(
  pool: pg.Pool,
  { retentionDays, logger }: { retentionDays: number; logger: Logger },
): () => Promise<void> {
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined

  return async () => {
    if (performance.now() - readAt < FRESH_MS) return
    reading ??= read().finally(() => {
      reading = undefined
    })
    const tooLate = sleep(TIMEOUT_MS, 'too late' as const, { ref: false })
    if ((await Promise.race([reading, tooLate])) === 'too late') current = undefined
  }

  async function read(): Promise<void> {
    try {
      current = await readFigures(pool, retentionDays)
      readAt = performance.now()
    } catch (error) {
      current = undefined
      logger.warn({ reason: (error as Error).message }, 'figures for metrics not read')
    }
  }
}

async function readFigures(pool: pg.Pool, retentionDays: number): Promise<Figures> {
  const client = await pool.connect()
  try {
    await client.query('begin read only')
    // It reads the tables of consumers and cursors whole, which other statements must not.
    await client.query(
      `select set_config('statement_timeout', $1, true), set_config('enable_seqscan', 'on', true)`,
      [`${TIMEOUT_MS}ms`],
    )
    const values = [Math.ceil(retentionDays), LATE_AFTER_SECONDS]
    const { figures } = onlyRow(await client.query<{ figures: string }>(statement, values))
    return JSON.parse(figures) as Figures
  } finally {
    await client.query('rollback').catch(() => {}) // the pool replaces a broken connection
    client.release()
  }
}

// $1 days of retention, $2 the age of an event in seconds from which a stream is late. States are
// those of consumer_health, and given_up: stopped by Millrace before its end, after the last retry
// or a refusal. A replay is never late: its events are old. The worst streams come first, and
// those that somebody has stopped last.
const statement = `
  with own as (
    select
      consumer.tenant, consumer.kind, consumer.id as consumer, consumer.status,
      stop.actor, cursor.attempts, cursor.retry_at, cursor.stop_position, kept.rejected,
      coalesce(cursor.unresolved[1], unread.position) as oldest
    from consumer
    join lateral (
      select * from cursor
      where cursor.tenant = consumer.tenant and cursor.consumer = consumer.id
      order by run
      limit 1
    ) as cursor on true
    left join lateral (
      select event.position
      from event
      where event.tenant = consumer.tenant and event.position > cursor.read_position
        and event.position <= coalesce(cursor.stop_position, 9223372036854775807)
      order by event.position
      limit 1
    ) as unread on cursor.unresolved = '{}'
    cross join lateral (
      select count(*)::integer as rejected
      from rejected_event
      where rejected_event.tenant = consumer.tenant and rejected_event.consumer = consumer.id
    ) as kept
    left join config_log as stop
      on consumer.status = 'stopped' and stop.tenant = consumer.tenant
        and stop.position = coalesce(consumer.stopped_position, consumer.changed_position)
  ),
  stream as (
    select
      tenant, kind, consumer, attempts as tries, rejected,
      case
        when status = 'stopped' and actor = 'millrace'
          and (stop_position is null or oldest is not null) then 'given_up'
        when status = 'stopped' then 'stopped'
        when attempts > 0 then 'failing'
        when stop_position is null
          and oldest <= position_of(clock_timestamp() - $2 * interval '1 second')
          and coalesce(retry_at < clock_timestamp() - $2 * interval '1 second', true)
        then 'behind'
        else 'ok'
      end as state,
      case when status = 'running' and stop_position is null then
        greatest(0, coalesce(extract(epoch from clock_timestamp() - time_of(oldest)), 0))
      end as lag,
      extract(epoch from
        (time_of(oldest) at time zone 'UTC')::date + $1::integer + 1
          - clock_timestamp() at time zone 'UTC'
      ) as left
    from own
  ),
  worst as (
    select tenant, kind, consumer, state, tries, rejected, lag, "left"
    from stream
    order by
      case
        when state in ('failing', 'behind', 'given_up') or rejected >= 20 then 0
        when state = 'stopped' then 2
        else 1
      end,
      lag desc nulls last, tenant, consumer
    limit ${MOST_STREAMS}
  ),
  counted as (
    select kind, state, count(*) as count from stream group by kind, state
  ),
  ahead as (
    select
      inhparent::regclass::text as table,
      extract(epoch from time_of(max(bounds[1]::bigint)) - clock_timestamp()) as seconds
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    cross join lateral regexp_match(
      pg_get_expr(pg_class.relpartbound, pg_class.oid), 'TO \\(''(\\d+)''\\)'
    ) as bounds
    where inhparent in ('event'::regclass, 'event_key'::regclass, 'receipt'::regclass,
      'attempt'::regclass)
    group by inhparent
  )
  select json_build_object(
    'streams', (select coalesce(json_agg(worst), '[]') from worst),
    'states', (select coalesce(json_agg(counted), '[]') from counted),
    'ahead', (select coalesce(json_agg(ahead), '[]') from ahead),
    'workers', (
      select count(*) from pg_stat_activity
      where datname = current_database() and application_name like 'millrace presence %'
    ),
    'leases', (select count(*) from cursor where is_held(lease_until)),
    'jobs', (
      select count(*) from graphile_worker.jobs
      where locked_at is null and attempts < max_attempts and run_at <= clock_timestamp()
    )
  ) as figures`

// Retention drops whole partitions. retire_partition detaches and drops one if its last day is
// older than the retention. It holds up publishers for at most 100 ms, and is called again if that
// was too short. The log of a running consumer that has not read those events gets a note a day
// before, and another one afterwards.

import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { waitedTooLong } from '../db/failure.ts'
import { partitionDays } from '../log/partitions.ts'
import { END_OF_LOG, latestPosition } from '../log/position.ts'

const RETENTION_LOCK = 1296651862
/** For counting the events that consumers lose. */
const PATIENCE_MS = 300_000
/** A table under a long read (a dump) waits for the next hour. */
const RETIRE_TRIES = 10
const RETIRE_PAUSE_MS = 1_000

/**
 * Drops partitions older than `retentionDays`, and warns of those that follow a day later. Returns
 * the names of the dropped tables. Only one process does it at a time. Rejects if a table stays in
 * use; the next run goes on.
 */
export async function retirePartitions(pool: pg.Pool, retentionDays: number): Promise<string[]> {
  const client = await pool.connect()
  try {
    const { rows } = await client.query('select pg_try_advisory_lock($1) as mine', [RETENTION_LOCK])
    if (!rows[0].mine) return []
    await client.query(`set statement_timeout = '${PATIENCE_MS}ms'`)
    // The earlier of the two clocks counts: if the other is ahead, its drops could not be undone.
    const today = `least((now() at time zone 'UTC')::date, date '${new Date().toISOString()}')`
    const horizon = `${today} - ${Math.ceil(retentionDays)}`
    await noteLosses(client, `${horizon} + 1`, ['events_expiring', 'will be removed'])
    await noteLosses(client, horizon, ['events_expired', 'were removed'])
    const dropped: string[] = []
    // Tables that a crash of an older program left behind, between the detach and the drop.
    for (const { orphan } of (await client.query(orphans)).rows) {
      await retire(client, orphan)
      dropped.push(orphan)
    }
    for (const [table, days] of Object.entries(partitionDays)) {
      const old = await client.query(oldPartitions(horizon), [table, days])
      for (const { partition } of old.rows) {
        await retire(client, partition)
        dropped.push(partition)
      }
    }
    return dropped
  } finally {
    // The connection has the lock and the settings, so it is not reused.
    client.release(true)
  }
}

async function retire(client: pg.PoolClient, partition: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query('select retire_partition($1::text::regclass)', [partition])
      return
    } catch (error) {
      if (!waitedTooLong(error) || tries === RETIRE_TRIES) throw error
      await sleep(RETIRE_PAUSE_MS)
    }
  }
}

// $1 table, $2 days of a partition; its name ends with its first day.
const oldPartitions = (horizon: string) => `
  with partition as (
    select
      inhrelid::regclass::text as partition,
      to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') + $2::integer as end_day
    from pg_inherits
    where inhparent = $1::text::regclass
  )
  select partition
  from partition
  where end_day <= ${horizon}
  order by partition`

const orphans = `
  select pg_class.oid::regclass::text as orphan
  from pg_class
  join pg_class as log on log.oid = 'event'::regclass and log.relnamespace = pg_class.relnamespace
  where pg_class.relkind = 'r'
    and not pg_class.relispartition
    and is_partition_name(pg_class.relname)`

/**
 * Notes the events that consumers lose at the horizon. Each note is a separate statement: a single
 * one would hold the lane while it counts all events.
 */
async function noteLosses(client: pg.PoolClient, horizon: string, range: [string, string]) {
  const { rows } = await client.query(lossesQuery(horizon), range)
  for (const { tenant, consumer, reason } of rows) {
    const values = [tenant, consumer, range[0], reason, latestPosition()]
    await client.query(`select note_consumer($1, $2, $3, 'millrace', $4, $5)`, values)
  }
}

// $1 action, $2 what happens to the events. One note for each lost range. Its last event identifies
// a range, so that the hourly run does not note it again.
const lossesQuery = (horizon: string) => `
  with lost as (
    select cursor.tenant, cursor.consumer, range.*
    from cursor
    join consumer on consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
    cross join lateral (
      select
        count(*) as count,
        min(event.position) as first_position,
        max(event.position) as last_position
      from event
      where event.tenant = cursor.tenant
        and event.position < position_of((${horizon})::timestamp at time zone 'UTC')
        and event.position <= coalesce(cursor.stop_position, ${END_OF_LOG})
        and (event.position > cursor.read_position or event.position = any(cursor.unresolved))
    ) as range
    where consumer.status = 'running' and range.count > 0
  ),
  loss as (
    select
      tenant, consumer,
      format('%s event(s) not yet sent, from %s (position %s) to %s (position %s), $2: they are '
        'older than the retention.', count, told_time(first_position), first_position,
        told_time(last_position), last_position) as reason,
      last_position
    from lost
  )
  select tenant, consumer, replace(reason, '$2', $2) as reason
  from loss
  where not exists (
    select from config_log
    where config_log.tenant = loss.tenant and config_log.id = loss.consumer
      and config_log.action = $1
      and config_log.reason like '%(position ' || loss.last_position || '), %'
  )`

// Retention drops whole partitions: a partition whose last day is older than the retention is
// detached CONCURRENTLY, which blocks no publisher and no reader, and dropped. One that a running
// integration has yet to read stays until it has.

import type pg from 'pg'
import { partitionDays } from '../log/partitions.ts'

const RETENTION_LOCK = 1296651862

/**
 * Drops what is older than `retentionDays`. Returns the names of the tables that it dropped. Only
 * one process does it at a time; a detach that was interrupted is finished by the next run.
 */
export async function retirePartitions(pool: pg.Pool, retentionDays: number): Promise<string[]> {
  const client = await pool.connect()
  try {
    const { rows } = await client.query('select pg_try_advisory_lock($1) as mine', [RETENTION_LOCK])
    if (!rows[0].mine) return []
    // A detach waits for every transaction that uses the table, however long that takes.
    await client.query(`set statement_timeout = 0; set lock_timeout = 0`)
    const dropped: string[] = []
    for (const [table, days] of Object.entries(partitionDays)) {
      const old = await client.query(oldPartitions, [table, days, retentionDays])
      for (const { partition, is_detaching } of old.rows) {
        const how = is_detaching ? 'finalize' : 'concurrently'
        await client.query(`alter table ${table} detach partition ${partition} ${how}`)
        await client.query(`drop table ${partition}`)
        dropped.push(partition)
      }
    }
    return dropped
  } finally {
    // The connection carries the lock and the settings: it is not used again.
    client.release(true)
  }
}

// $1 table, $2 days of a partition, $3 retention in days. The first day of a partition is in its
// name.
const oldPartitions = `
  with partition as (
    select
      inhrelid::regclass::text as partition,
      inhdetachpending as is_detaching,
      to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') + $2::integer as end_day
    from pg_inherits
    where inhparent = $1::text::regclass
  )
  select partition, is_detaching
  from partition
  where end_day <= (now() at time zone 'UTC')::date - $3::integer
    and not exists (
      select from cursor
      join integration on integration.tenant = cursor.tenant and integration.id = cursor.consumer
      where integration.status = 'running'
        and cursor.read_position < position_of(end_day::timestamp at time zone 'UTC')
        and exists (
          select from event
          where event.tenant = cursor.tenant
            and event.position > cursor.read_position
            and event.position < position_of(end_day::timestamp at time zone 'UTC')
        )
    )
  order by partition`

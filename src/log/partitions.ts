// Partitions by UTC day, created a week ahead. There is no default partition: with a clock far
// ahead, an append finds none and fails closed, instead of filling the future.

import type pg from 'pg'
import { limits } from '../config.ts'

const PARTITION_LOCK = 1296651860

/** Days of a partition, by table. Key partitions are long, so that a look-up probes few of them. */
export const partitionDays = { event: 1, event_key: 30, receipt: 1, attempt: 1 } as const

/**
 * Creates the missing partitions of today and the week ahead; returns how many. Any number of
 * processes may call it at once.
 */
export async function createPartitions(pool: pg.Pool): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [PARTITION_LOCK])
    let made = 0
    for (const [table, days] of Object.entries(partitionDays)) {
      const { rowCount } = await client.query(createStatement, [
        table,
        days,
        limits.partitionsAheadDays,
      ])
      made += rowCount ?? 0
    }
    await client.query('commit')
    return made
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

// Partitions begin at multiples of their length since 1970, so that all processes use the same
// boundaries. Yesterday's is included: at midnight, or with a slow clock, a batch may still belong
// to it.
const createStatement = `
  with first_days as (
    select distinct date '1970-01-01' + (day_number / $2::integer) * $2::integer as first_day
    from generate_series(
      (now() at time zone 'UTC')::date - date '1970-01-01' - 1,
      (now() at time zone 'UTC')::date - date '1970-01-01' + $3::integer
    ) as day_number
  )
  select from first_days where create_partition($1::text::regclass, first_day, $2::integer)`

/** Whether the current partitions exist, of events and of their keys. */
export async function partitionsArePresent(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ complete: boolean }>(`
    select count(distinct inhparent) = 2 as complete
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    cross join lateral regexp_match(
      pg_get_expr(pg_class.relpartbound, pg_class.oid), 'FROM \\(''(\\d+)''\\) TO \\(''(\\d+)''\\)'
    ) as bounds
    where inhparent in ('event'::regclass, 'event_key'::regclass)
      and position_of(clock_timestamp()) >= bounds[1]::bigint
      and position_of(clock_timestamp()) < bounds[2]::bigint`)
  return rows[0]?.complete ?? false
}

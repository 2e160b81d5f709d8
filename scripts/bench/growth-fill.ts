// A log that has grown over days: events with their keys in past partitions. Each partition is
// filled as a separate table and indexed afterwards, which is the fastest way.

import { partitionDays } from '../../src/log/partitions.ts'
import { query } from '../kit/postgres.ts'

const KEY_DAYS = partitionDays.event_key
const DAY_US = 86_400_000_000
const CONNECTIONS = 2
const PAYLOAD = JSON.stringify({ order_id: 'order-1', note: 'x'.repeat(160) })

/** From the first up to, but not including, the last: days since 1970, and numbers of events. */
type Part = { table: 'event' | 'event_key'; days: [number, number]; events: [number, number] }

/** Fills `days` past days, each with as many events; `tenant` has one in eight of them. */
export async function fillDays(
  url: string,
  { events: count, days, tenant }: { events: number; days: number; tenant: string },
): Promise<void> {
  const today = Math.floor((Date.now() * 1000) / DAY_US)
  const oldest = today - days
  const eventsBefore = (day: number) =>
    Math.ceil((Math.min(Math.max(day - oldest, 0), days) * count) / days)
  const partOf = (table: Part['table'], day: number, length: number): Part => ({
    table,
    days: [day, day + length],
    events: [eventsBefore(day), eventsBefore(day + length)],
  })
  const parts: Part[] = []
  for (let day = oldest - (oldest % KEY_DAYS); day < today; day += KEY_DAYS) {
    parts.push(partOf('event_key', day, KEY_DAYS))
  }
  for (let day = oldest; day < today; day++) parts.push(partOf('event', day, 1))
  const stepUs = (days * DAY_US) / count
  const work = parts.values()
  const fillNext = async () => {
    for (const part of work) await query(url, fillStatements(part, oldest * DAY_US, stepUs, tenant))
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, fillNext))
  // Written to the disk before anything is measured.
  await query(url, 'checkpoint')
}

function fillStatements(part: Part, start: number, stepUs: number, tenant: string): string {
  const { table, days, events } = part
  const first = new Date((days[0] * DAY_US) / 1000).toISOString().slice(0, 10)
  const name = `${table}_${first.replaceAll('-', '')}`
  const columns = {
    event: `
      position, name, 'order-' || i % 10000, key, 'team-orders', 'shop', '{}',
      ${PAYLOAD.length}, '${PAYLOAD}'`,
    event_key: 'event_key_hash(name, key), position',
  }
  return `
    set synchronous_commit = off;
    set maintenance_work_mem = '256MB';
    set statement_timeout = 0;
    -- The one of today is there already, empty.
    drop table if exists ${name};
    create table ${name} (like ${table} including defaults including constraints)
      -- A vacuum would disturb what is measured.
      with (autovacuum_enabled = false);
    insert into ${name}
    select tenant, ${columns[table]}
    from (
      select i, ${start} + (i * ${stepUs}::float8)::bigint as position,
        case i % 8 when 0 then '${tenant}' else 'tenant-' || i % 8 end as tenant,
        'order.created' as name, 'past:' || i as key
      from generate_series(${events[0]}, ${events[1] - 1}) as i
    ) as made;
    alter table ${table} attach partition ${name}
      for values from (${days[0] * DAY_US}) to (${days[1] * DAY_US})`
}

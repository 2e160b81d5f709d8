// A log that has grown over days: events with their keys in past partitions. Each partition is
// filled as a separate table and indexed afterwards, which is the fastest way.

import { isAlert } from '../../src/log/alert.ts'
import { knownEventTypes } from '../../src/log/catalog.ts'
import { partitionDays } from '../../src/log/partitions.ts'
import { query } from '../kit/postgres.ts'

/** The event types of publishers. */
const published = knownEventTypes.filter(({ name }) => !isAlert(name))

const KEY_DAYS = partitionDays.event_key
const DAY_US = 86_400_000_000
const CONNECTIONS = 2
const PAYLOAD = JSON.stringify({ order_id: 'order-1', note: 'x'.repeat(160) })

/** The columns of event `i` as SQL, except for its key and its payload. */
type Made = { tenant: string; name: string; entityId: string; correlationIds: string }

/** From the first up to, but not including, the last: days since 1970, and numbers of events. */
type Part = { table: 'event' | 'event_key'; days: [number, number]; events: [number, number] }

/** Fills `days` past days, each with as many events; `tenant` has one in eight of them. */
export function fillDays(
  url: string,
  { tenant, ...size }: { events: number; days: number; tenant: string },
): Promise<void> {
  return fillDaysWith(url, size, {
    tenant: `case i % 8 when 0 then '${tenant}' else 'tenant-' || i % 8 end`,
    name: `'order.created'`,
    entityId: `'order-' || i % 10000`,
    correlationIds: `'{}'`,
  })
}

/**
 * Fills `days` past days with a tenant's events. Each order has `eventsOfOrder` of them, spread
 * over all days, one in 31 of them order.created. Every event names its order and its customer, who
 * has four orders.
 */
export function fillOrders(
  url: string,
  size: { events: number; days: number },
  { tenant, eventsOfOrder }: { tenant: string; eventsOfOrder: number },
): Promise<void> {
  const orders = size.events / eventsOfOrder
  const names = published.map(({ name }) => `'${name}'`)
  return fillDaysWith(url, size, {
    tenant: `'${tenant}'`,
    name: `(array[${names}])[i % ${names.length} + 1]`,
    entityId: `
      case when i % ${names.length} in (${indexesOf('order')}) then 'order-' || i % ${orders}
        else 'entity-' || i / 2 end`,
    correlationIds: `
      format('{"order_id":"order-%s","customer_id":"customer-%s"}',
        i % ${orders}, i % ${orders} / 4)::jsonb`,
  })
}

function indexesOf(entity: string): number[] {
  return published.flatMap((type, index) => (type.entity === entity ? [index] : []))
}

async function fillDaysWith(
  url: string,
  { events: count, days }: { events: number; days: number },
  made: Made,
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
    for (const part of work) await query(url, fillStatements(part, oldest * DAY_US, stepUs, made))
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, fillNext))
  // Written to the disk before anything is measured.
  await query(url, 'checkpoint')
}

function fillStatements(part: Part, start: number, stepUs: number, made: Made): string {
  const { table, days, events } = part
  const first = new Date((days[0] * DAY_US) / 1000).toISOString().slice(0, 10)
  const name = `${table}_${first.replaceAll('-', '')}`
  const columns = {
    event: `
      position, name, ${made.entityId}, key, 'team-orders', 'shop', ${made.correlationIds},
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
        ${made.tenant} as tenant, ${made.name} as name, 'past:' || i as key
      from generate_series(${events[0]}, ${events[1] - 1}) as i
    ) as made;
    alter table ${table} attach partition ${name}
      for values from (${days[0] * DAY_US}) to (${days[1] * DAY_US})`
}

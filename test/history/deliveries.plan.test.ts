// The states of events on a log that has grown: 30 days of events, ten integrations that have
// settled them in steps, and one that has not. Each answer reads a few rows by index.

import type { RawBuilder } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../src/db/pool.ts'
import {
  deliveriesQuery,
  readDeliveries,
  readUndelivered,
  undeliveredQuery,
} from '../../src/history/deliveries/states.ts'
import { END_OF_LOG, timeOf } from '../../src/log/position.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { rowsOf, scansOf, typesOf } from '../helpers/plan.ts'

const TENANT = 'dodici'
const DAYS = 30
const EVENTS_A_DAY = 4_000
const EVENTS_OF_STEP = 20
const EVENTS_OF_FAILURE = 100
const DAY_US = 86_400_000_000
const today = Math.floor((Date.now() * 1_000) / DAY_US) * DAY_US
const oldest = today - DAYS * DAY_US
const stepUs = DAY_US / EVENTS_A_DAY
const ids = Array.from({ length: 10 }, (_, i) => `erp-${i}`)

const database = useDatabase()
let reading: Database
afterAll(() => reading.close())
beforeAll(async () => {
  const { pool } = database.admin
  reading = openDatabase(database.url, {
    durability: 'relaxed',
    max: 1,
    logger: createLogger('silent'),
  })
  for (const table of ['event', 'receipt', 'attempt']) {
    await pool.query(
      `select create_partition('${table}', (now() at time zone 'UTC')::date - day, 1)
       from generate_series(0, ${DAYS}) as day`,
    )
  }
  await pool.query(
    `insert into event (tenant, position, name, entity_id, idempotency_key, team, service,
       correlation_ids, payload_bytes, payload)
     select $1, ${oldest} + i * ${stepUs}::bigint, 'order.created', 'order-' || i % 1000, 'k' || i,
       't', 's', '{}', 2, '{}'
     from generate_series(0, ${DAYS * EVENTS_A_DAY - 1}) as i`,
    [TENANT],
  )
  const document = {
    integration_type: 'permanent',
    callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
  }
  for (const [i, id] of [...ids, 'behind'].entries()) {
    await pool.query(
      `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
         document)
       values ($1, ${oldest - 1000} + $3, 'integration', $2, 1, 'integration_started', 'running',
         'ada', 'Registered.', $4)`,
      [TENANT, id, i, JSON.stringify(document)],
    )
  }
  await pool.query(
    `insert into receipt
     select $1, ${oldest} + (i + 1) * ${stepUs * EVENTS_OF_STEP}::bigint, id, 0, 1,
       ${oldest} - 1 + i * ${stepUs * EVENTS_OF_STEP}::bigint,
       ${oldest} - 1 + (i + 1) * ${stepUs * EVENTS_OF_STEP}::bigint, ${EVENTS_OF_STEP}, 0, 0, '{}'
     from unnest($2::text[]) as id,
       generate_series(0, ${(DAYS * EVENTS_A_DAY) / EVENTS_OF_STEP - 1}) as i`,
    [TENANT, ids],
  )
  // Failures that are over: nothing has to read them.
  await pool.query(
    `insert into attempt (tenant, position, consumer, run, event_position, attempt, outcome, reason)
     select $1, ${oldest} + i * ${stepUs}::bigint + 1, id, 0, ${oldest} + i * ${stepUs}::bigint, 1,
       'unavailable', 'no answer'
     from unnest($2::text[]) as id,
       generate_series(0, ${DAYS * EVENTS_A_DAY - 1}, ${EVENTS_OF_FAILURE}) as i`,
    [TENANT, ids],
  )
  await pool.query(
    `insert into cursor (tenant, consumer, read_position)
     select $1, id, case when id = 'behind' then ${oldest} - 1 else ${today} - 1 end
     from unnest($2::text[]) as id`,
    [TENANT, [...ids, 'behind']],
  )
  await pool.query('analyze')
}, 120_000)

/** A moment of a day; its event is the eighth one. */
const positionOf = (day: number) => oldest + day * DAY_US + 7 * stepUs

/** The nodes of the prepared plan of a query that read rows of the log. */
const scansOfLog = (query: RawBuilder<unknown>) =>
  scansOf(reading.kysely, query, /^(event|receipt|attempt)_/)
const byIndex = (type: string) => type.startsWith('Index')

/** The first row of each day, for each of the few questions that have one answer. */
const probes = 5 * (DAYS + 2)

describe('the deliveries of an event', () => {
  it.each([0, 15, 29])('of day %s read a few rows for each consumer', async (day) => {
    const scans = await scansOfLog(deliveriesQuery(TENANT, ids, positionOf(day)))
    expect([...typesOf(scans)].every(byIndex)).toBe(true)
    expect(rowsOf(scans)).toBeLessThan(ids.length * probes)
  })

  it('have the step and its time', async () => {
    const position = positionOf(15)
    const { deliveries } = await readDeliveries(reading.kysely, TENANT, position, { limit: 100 })
    const step = oldest + 15 * DAY_US + EVENTS_OF_STEP * stepUs
    const delivered = { state: 'delivered', version: 1, replay: null, at: timeOf(step) }
    expect(deliveries).toMatchObject([
      { id: 'behind', state: 'waiting', at: null },
      ...ids.map((id) => ({ ...delivered, id })),
    ])
  })
})

describe('undelivered events', () => {
  it.each(['erp-1', 'behind'])('of %s read the events and their steps, by index', async (id) => {
    const range = { from: positionOf(15), last: positionOf(15) + 1_999 * stepUs, most: 101 }
    const scans = await scansOfLog(undeliveredQuery(TENANT, id, range))
    expect([...typesOf(scans)].every(byIndex)).toBe(true)
    const beside = 2_000 / EVENTS_OF_STEP + (2 * 2_000) / EVENTS_OF_FAILURE
    expect(rowsOf(scans)).toBeLessThan(2 * 2_000 + beside + probes)
  })

  it('a page is bounded by the events that it looks at, and goes on', async () => {
    const everything = { first: 0, end: END_OF_LOG, limit: 100 }
    const page = await readUndelivered(reading.kysely, TENANT, 'erp-1', everything)
    expect(page).toEqual({ events: [], next: oldest + 5_999 * stepUs })
    const behind = await readUndelivered(reading.kysely, TENANT, 'behind', everything)
    expect(behind.events).toHaveLength(100)
    expect(behind.next).toBe(oldest + 99 * stepUs)
    const last = { ...everything, first: today - 5 * stepUs }
    const end = await readUndelivered(reading.kysely, TENANT, 'behind', last)
    expect([end.events.length, end.next]).toEqual([5, null])
  })
})

// The way into the log without HTTP, in full batches, against the least that writing the same rows
// takes: one INSERT a batch into the same tables, no lane, no look whether a key is known.

import type pg from 'pg'
import { binaryTextArray } from '../../src/db/binary-array.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { appendEvents } from '../../src/log/append.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { createLogger } from '../../src/logger.ts'
import { newEvents, positionNow } from './events.ts'
import { byTurns } from './measure.ts'
import { compare, type Scenario } from './scenario.ts'
import { expectStored } from './stored.ts'

const BATCH = 500
const ENTITIES = 1_000

const sizes = {
  full: { rounds: 5, batches: 40 },
  smoke: { rounds: 1, batches: 2 },
}

/** The columns, constraints and indexes of the log, in the same kind of partitions. */
const BARE_TABLES = `
  create table bare_event (like event including all) partition by range (position);
  create table bare_event_part (like event including all);
  alter table bare_event attach partition bare_event_part default;
  create table bare_event_key (like event_key including all) partition by range (position);
  create table bare_event_key_part (like event_key including all);
  alter table bare_event_key attach partition bare_event_key_part default`

const bareStatement = {
  name: 'bare_insert',
  text: `
    with batch as (
      select *
      from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[],
        $5::text[], $6::text[], $7::text[], $8::text[]
      ) with ordinality as given (
        tenant, name, entity_id, idempotency_key, team, service, correlation_ids, payload, ordinal
      )
    ),
    keys as (
      insert into bare_event_key (tenant, key_hash, position)
      select tenant, event_key_hash(name, idempotency_key), $9::bigint + ordinal
      from batch
    )
    insert into bare_event (
      tenant, position, name, entity_id, idempotency_key, team, service, correlation_ids,
      payload_bytes, payload
    )
    select
      tenant, $9::bigint + ordinal, name, entity_id, idempotency_key, team, service,
      correlation_ids::jsonb, octet_length(payload), payload::json
    from batch`,
}

export const bulk: Scenario = {
  name: 'bulk',
  async run(stage, size) {
    const { rounds, batches } = sizes[size]
    const database = await stage.database('bulk')
    const logger = createLogger('error')
    const { pool, close } = openDatabase(database.url, { durability: 'durable', max: 1, logger })
    try {
      await pool.query(BARE_TABLES)
      let appended = 0
      let inserted = 0
      const append = async () => {
        const rate = await perSecond(batches, appended, (events) => appendEvents(pool, events))
        appended += batches * BATCH
        return rate
      }
      const insert = async () => {
        const first = positionNow()
        const rate = await perSecond(batches, inserted, (events, done) =>
          insertBare(pool, events, first + done),
        )
        inserted += batches * BATCH
        return rate
      }
      // The first turn of each warms up: plans, pages of the tables, the compiler.
      await append()
      await insert()
      const runs = await byTurns(rounds, { append, insert })
      await expectStored(database.url, 'event', appended)
      await expectStored(database.url, 'bare_event', inserted)
      return [
        compare(
          `bulk append without HTTP, batches of ${BATCH}`,
          runs.append,
          { what: 'a bare batched INSERT of the same rows', runs: runs.insert },
          '≥ 0.7',
        ),
      ]
    } finally {
      await close()
      await database.drop()
    }
  },
}

/** Events a second, one batch under way at a time; what makes the events is not counted. */
async function perSecond(
  batches: number,
  from: number,
  write: (events: NewEvent[], done: number) => Promise<unknown>,
): Promise<number> {
  const made = Array.from({ length: batches }, (_, batch) =>
    newEvents(BATCH, { entities: ENTITIES, from: from + batch * BATCH }),
  )
  const started = performance.now()
  for (const [batch, events] of made.entries()) await write(events, batch * BATCH)
  return (batches * BATCH * 1000) / (performance.now() - started)
}

function insertBare(pool: pg.Pool, events: NewEvent[], first: number): Promise<unknown> {
  const column = (read: (event: NewEvent) => string | Buffer) => binaryTextArray(events.map(read))
  return pool.query({
    ...bareStatement,
    values: [
      column((event) => event.tenant),
      column((event) => event.name),
      column((event) => event.entityId),
      column((event) => event.idempotencyKey),
      column((event) => event.team),
      column((event) => event.service),
      column((event) => event.correlationIds),
      column((event) => event.payload),
      first,
    ],
  })
}

// The only way into the log. append_events takes positions under an advisory lock of the
// transaction (sql/functions/next_position.sql), and Postgres releases that lock after the rows are
// visible. So the next publisher's positions are larger than every visible one, and a reader of
// `position > cursor order by position` never misses a row that appears later. A sequence alone
// does not guarantee that: a tailing reader of a bigserial missed 66,867 of 387,404 rows. The call
// is one autocommit round trip, so no client can hold the lock between two.

import { binaryTextArray } from '../db/binary-array.ts'
import type { Queryable } from '../db/pipe.ts'
import type { Appended, NewEvent } from './event.ts'
import { latestPosition } from './position.ts'

/** Functions that append a batch, and return an outcome for each event. */
type Append = 'append_events' | 'append_collected'

const statementOf = (append: Append) => ({
  name: append,
  text: `select outcome, position from ${append}(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::bigint, $10::boolean[], $11::text[]
  )`,
})
const statements = {
  append_events: statementOf('append_events'),
  append_collected: statementOf('append_collected'),
}
const oneEvent = {
  name: 'append_event',
  text: 'select outcome, position from append_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
}

/**
 * Appends events in order in one transaction, and resolves with their outcomes once they are
 * durably committed. Rejects with node-postgres' error; then nothing was appended. Only if the
 * connection was lost the outcome is unknown; the same call again is safe, because of the
 * idempotency keys.
 */
export function appendEvents(db: Queryable, events: NewEvent[]): Promise<Appended[]> {
  const [first, second] = events
  return first && !second ? appendOne(db, first) : appendThrough('append_events', db, events)
}

/** The first parameters of every function that appends, in order. */
const FIELDS: ((event: NewEvent) => string | Buffer)[] = [
  (event) => event.tenant,
  (event) => event.name,
  (event) => event.entityId,
  (event) => event.idempotencyKey,
  (event) => event.team,
  (event) => event.service,
  (event) => event.correlationIds,
  (event) => event.payload,
]

/** An idle publisher's event comes alone: for it a function of its own costs less. */
async function appendOne(db: Queryable, event: NewEvent): Promise<Appended[]> {
  const { rows } = await db.query<Appended>({
    ...oneEvent,
    values: [...FIELDS.map((read) => read(event)), latestPosition(), event.live, event.traceparent],
  })
  return rows
}

/** Appends a batch through a function of the database, as appendEvents does. */
export async function appendThrough(
  append: Append,
  db: Queryable,
  events: NewEvent[],
): Promise<Appended[]> {
  const columns = FIELDS.map((read) => binaryTextArray(events.map(read)))
  const { rows } = await db.query<Appended>({
    ...statements[append],
    values: [...columns, latestPosition(), livesOf(events), traceparentsOf(events)],
  })
  return rows
}

/** For each event whether it is live; null: all are, which costs nothing. */
function livesOf(events: NewEvent[]): boolean[] | null {
  return events.every(({ live }) => live) ? null : events.map(({ live }) => live)
}

/** For each event its trace, '' for none; null: none has one, which costs nothing. */
function traceparentsOf(events: NewEvent[]): Buffer | null {
  const isTraced = events.some(({ traceparent }) => traceparent !== null)
  return isTraced ? binaryTextArray(events.map(({ traceparent }) => traceparent ?? '')) : null
}

// Lists, deletes and retries the rejected events of a consumer.

import { sql } from 'kysely'
import { limits } from '../../config.ts'
import { onlyRow } from '../../db/only-row.ts'
import type { Db } from '../../db/pool.ts'
import { untilKnown } from '../../db/until-known.ts'
import { databaseNow } from '../../delivery/database-now.ts'
import { type Destination, type Outcome, sendOne } from '../../destination/destination.ts'
import { MillraceError } from '../../errors.ts'
import { latestPosition, timeOf } from '../../log/position.ts'

export type RejectedEvent = {
  id: string
  /** The run that rejected it. */
  run: number
  eventPosition: number
  name: string
  entityId: string
  idempotencyKey: string
  payload: string
  cause: 'rejected' | 'skipped'
  /** Null if a skipped event had no answer. */
  status: number | null
  response: string
  rejectedAt: Date
}

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** The rejected events of an integration, newest first. */
export async function listRejected(
  db: Db,
  tenant: string,
  consumer: string,
): Promise<RejectedEvent[]> {
  return rejectedQuery(db, tenant, consumer).orderBy('rejected_at', 'desc').execute()
}

/** A rejected event in a list. */
export function presentRejected(event: RejectedEvent) {
  const { id, rejectedAt, name, eventPosition: position, cause, status, response } = event
  return { id, created_at: rejectedAt.toISOString(), name, position, cause, status, response }
}

/** The error for an id without a rejected event. */
export function noSuchEvent(id: string): MillraceError {
  return new MillraceError('not_found', `There is no rejected event ${JSON.stringify(id)}.`)
}

/** One of them; undefined if there is none. */
export async function findRejected(
  db: Db,
  tenant: string,
  consumer: string,
  id: string,
): Promise<RejectedEvent | undefined> {
  if (!UUID.test(id)) return undefined
  return rejectedQuery(db, tenant, consumer).where('id', '=', id).executeTakeFirst()
}

/**
 * Deletes the events of these ids, with one entry in their consumer's log that names them; returns
 * how many. If they were the last ones of a waiting replay, it completes.
 */
export async function deleteRejected(
  db: Db,
  tenant: string,
  consumer: string,
  { ids, actor }: { ids: string[]; actor: string },
): Promise<number> {
  if (ids.length === 0) return 0
  return untilKnown(async (callId) => {
    // change_of_attempt comes first: there a call's second sending waits for the first. Then the
    // rows, in the order of lock_consumer, and last the lane, which the note takes.
    const result = await sql<{ deleted: number; known: boolean }>`
      with attempted as materialized (
        select change_of_attempt(${tenant}, ${consumer}, ${callId}) as position
      ),
      held as materialized (
        select lock_consumer(${tenant}, ${consumer}) from attempted where position is null
      ),
      locked as materialized (
        select id from held, rejected_event
        where tenant = ${tenant} and consumer = ${consumer} and id = any(${ids}::uuid[])
        order by id
        for update of rejected_event
      ),
      deleted as (
        delete from rejected_event
        where tenant = ${tenant} and consumer = ${consumer} and id in (select id from locked)
        returning name, entity_id, event_position, idempotency_key
      ),
      total as (
        select count(*)::integer as deleted,
          (array_agg(
            format('%s of %s (position %s, idempotency key %s)',
              name, entity_id, event_position, idempotency_key)
            order by event_position
          ))[:${limits.rejectedEvents}] as events
        from deleted
      )
      select total.deleted, attempted.position is not null as known,
        case when total.deleted > 0 then
          note_consumer(
            ${tenant}, ${consumer}, 'rejected_event_deleted', ${actor},
            format('%s rejected event(s) deleted via API: %s.',
              total.deleted, array_to_string(total.events, ', ')),
            ${latestPosition()}
          )
        end as noted,
        case when total.deleted > 0 then
          complete_waiting(${tenant}, ${consumer}, ${latestPosition()})
        end as completed
      from attempted, total`.execute(db)
    const { deleted, known } = onlyRow(result)
    return known ? ids.length : deleted
  })
}

/** The outcome of a retry of a rejected event, and whether it removed the event. */
type Retried = { outcome: Outcome; isRemoved: boolean }

/**
 * Sends a rejected event again, and removes it if the target accepts it. If it was the last one of
 * a waiting replay, the replay completes. Either way the attempt is recorded with its actor: in the
 * run of the rejection, as attempt 0 (the stream's own count from 1), at a position before the
 * send. A crash between the send and the removal leaves the event: at least once. Undefined if it
 * is not kept any more; then it is not sent. If somebody else removes it during the send, the
 * record says so.
 */
export async function retryRejected(
  db: Db,
  tenant: string,
  consumer: string,
  { event, destination, actor }: { event: RejectedEvent; destination: Destination; actor: string },
): Promise<Retried | undefined> {
  const { run, eventPosition: position, name, entityId, idempotencyKey, payload } = event
  const before = await beforeRetry(db, tenant, consumer, event)
  if (!before) return undefined
  const { at, traceparent } = before
  const outcome = await sendOne(destination, {
    tenant,
    position,
    name,
    entityId,
    idempotencyKey,
    payload,
    traceparent,
    publishedAt: timeOf(position),
  })
  const taken = outcome.kind === 'delivered'
  const accepted = `Sent again and accepted: HTTP status code ${outcome.status}`
  const result = taken ? accepted : outcome.reason
  const about = `It is ${name} of ${entityId}, idempotency key ${idempotencyKey}`
  const reason = `${result}. ${about}`
  const reasonTooLate = `${result}, but it had been deleted or accepted meanwhile. ${about}`
  const response = taken ? null : (outcome.response ?? null)
  const record = sql<{ removed: boolean }>`
    with held as materialized (
      select lock_consumer(${tenant}, ${consumer}) where ${taken}
    ),
    removed as (
      delete from rejected_event
      using held
      where tenant = ${tenant} and consumer = ${consumer} and id = ${event.id}::uuid
      returning id
    ),
    -- The result of the first sending, if this statement is sent again.
    known as (
      select reason = ${reason} as removed from attempt
      where tenant = ${tenant} and consumer = ${consumer} and run = ${run}::integer
        and position = ${at} and event_position = ${position}::bigint
    ),
    recorded as (
      insert into attempt (
        tenant, position, consumer, run, event_position, attempt, outcome, status, reason, response,
        actor
      )
      select
        ${tenant}, ${at}, ${consumer}, ${run}::integer, ${position}::bigint, 0, ${outcome.kind},
        ${outcome.status ?? null}::integer,
        case when ${taken} and not exists (select from removed) then ${reasonTooLate}
          else ${reason} end,
        ${response}, ${actor}
      on conflict do nothing
      returning position
    ),
    -- Both finish before the next part reads.
    done as materialized (
      select (select count(*) from recorded) as recorded, (select count(*) from removed) as removed
    )
    select
      coalesce((select removed from known), removed > 0) as removed,
      case when removed > 0 then complete_waiting(${tenant}, ${consumer}, ${latestPosition()}) end
    from done`
  const recorded = await untilKnown(() => record.execute(db))
  return { outcome, isRemoved: taken && recorded.rows[0]?.removed === true }
}

/** The time, and the trace of the event: past the retention, none. Undefined if it is not kept. */
async function beforeRetry(
  db: Db,
  tenant: string,
  consumer: string,
  { id, eventPosition }: RejectedEvent,
): Promise<{ at: number; traceparent: string | null } | undefined> {
  const { rows } = await sql<{ at: number; traceparent: string | null }>`
    select
      ${databaseNow()} as at,
      (select traceparent from event where tenant = ${tenant} and position = ${eventPosition})
    from rejected_event
    where tenant = ${tenant} and consumer = ${consumer} and id = ${id}::uuid`.execute(db)
  return rows[0]
}

function rejectedQuery(db: Db, tenant: string, consumer: string) {
  return db
    .selectFrom('rejected_event')
    .where('tenant', '=', tenant)
    .where('consumer', '=', consumer)
    .select([
      'id',
      'run',
      'event_position as eventPosition',
      'name',
      'entity_id as entityId',
      'idempotency_key as idempotencyKey',
      'payload',
      'cause',
      'status',
      'response',
      'rejected_at as rejectedAt',
    ])
}

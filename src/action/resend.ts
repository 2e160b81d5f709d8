// A resend: one event of the log again to a consumer, under its own webhook-id, outside of the
// order of its stream, which goes on as before. A rejected event that is kept stays kept.

import { sql } from 'kysely'
import type { Static } from 'typebox'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import { ownRunOf } from '../delivery/configuration.ts'
import { databaseNow } from '../delivery/database-now.ts'
import type { FoundConsumer } from '../delivery/subject.ts'
import { type Destination, sendOne } from '../destination/destination.ts'
import type { LoggedEvent } from '../log/event.ts'
import { timeOf } from '../log/position.ts'
import { isTaken } from './logged-event.ts'
import { type Caller, noteAction } from './note.ts'
import type { Resent } from './schemas.ts'

/**
 * Sends an event again, whatever the filter says. The config log has who asked, from before the
 * send; the outcome is recorded as attempt 0, at a position before it. So a crash in between leaves
 * a request without an outcome, never a send without a request.
 */
export async function resendEvent(
  db: Db,
  tenant: string,
  { consumer, event, destination }: Resending,
  { actor, reason }: Caller,
): Promise<Static<typeof Resent>> {
  const { position, name, entityId, idempotencyKey } = event
  const { id, configuration } = consumer
  const about = `${name} of ${entityId} (position ${position}, idempotency key ${idempotencyKey})`
  await noteAction(db, tenant, id, {
    action: 'event_resent',
    actor,
    reason: `Sent again by request, ${about}: ${reason}`,
  })
  const is_filtered_out = !(await isTaken(db, tenant, position, consumer))
  const at = await positionNow(db)
  const sentAt = performance.now()
  const publishedAt = timeOf(position)
  const outcome = await sendOne(destination, { ...event, tenant, publishedAt })
  const duration_ms = Math.round((performance.now() - sentAt) * 10) / 10
  const isDelivered = outcome.kind === 'delivered'
  const result = isDelivered
    ? `Sent again and accepted: HTTP status code ${outcome.status}`
    : outcome.reason
  const record = sql`
    insert into attempt (
      tenant, position, consumer, run, event_position, attempt, outcome, status, reason, response,
      actor
    )
    values (
      ${tenant}, ${at}, ${id}, ${ownRunOf(configuration)}, ${position}, 0,
      ${isDelivered ? 'resent' : outcome.kind}, ${outcome.status ?? null},
      ${`${result}. It is ${about}`}, ${isDelivered ? null : (outcome.response ?? null)}, ${actor}
    )
    -- It is there already if this statement is sent again.
    on conflict do nothing`
  await untilKnown(() => record.execute(db))
  return {
    position,
    name,
    outcome: outcome.kind,
    status: outcome.status ?? null,
    reason: isDelivered ? null : outcome.reason,
    is_filtered_out,
    duration_ms,
  }
}

type Resending = { consumer: FoundConsumer; event: LoggedEvent; destination: Destination }

async function positionNow(db: Db): Promise<number> {
  const result = await sql<{ at: number }>`select ${databaseNow()} as at`.execute(db)
  return onlyRow(result).at
}

// Rejected events: the target answered 400, so the event is kept to be retried or deleted, and the
// stream goes on. An integration keeps at most 30 (docs/integrate.md).

import { sql } from 'kysely'
import { limits } from '../config.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import type { LoggedEvent } from '../log/event.ts'
import type { Lease } from './cursor.ts'

/**
 * Keeps a rejected event. `last`: kept, and there is no room for another. `no_room`: not kept. The
 * same event is kept once, even after a crash between this and the next step of the cursor. `lost`:
 * another worker has the lease by now.
 */
export async function keepRejected(
  db: Db,
  lease: Lease,
  event: LoggedEvent,
  answer: { status: number; response: string },
): Promise<'kept' | 'last' | 'no_room' | 'lost'> {
  const result = await sql<{ before: number; known: boolean; held: boolean }>`
    with state as (
      select
        count(rejected_event.id)::integer as before,
        coalesce(bool_or(rejected_event.event_position = ${event.position}), false) as known,
        exists (
          select from cursor
          where tenant = ${lease.tenant} and consumer = ${lease.consumer} and run = ${lease.run}
            and owner = ${lease.owner} and epoch = ${lease.epoch}
          -- A removal that has locked the cursor sees every rejected event of it.
          for key share
        ) as held
      from rejected_event
      where tenant = ${lease.tenant} and consumer = ${lease.consumer}
    ),
    kept as (
      insert into rejected_event (
        tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload,
        status, response
      )
      select
        ${lease.tenant}, ${lease.consumer}, ${lease.run}::integer, ${event.position}::bigint,
        ${event.name}, ${event.entityId}, ${event.idempotencyKey}, ${event.payload}::json,
        ${answer.status}::integer, ${answer.response}
      from state
      where held and not known and before < ${limits.rejectedEvents}
    )
    select before, known, held from state`.execute(db)
  const { before, known, held } = onlyRow(result)
  if (!held) return 'lost'
  const stored = known ? before : before + 1
  if (stored > limits.rejectedEvents) return 'no_room'
  return stored === limits.rejectedEvents ? 'last' : 'kept'
}

// Rejected events: the target answered 400, so the event is kept to be retried or deleted, and the
// stream goes on. An integration keeps at most 30 (docs/integrate.md).

import { sql } from 'kysely'
import { limits } from '../config.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import type { LoggedEvent } from '../log/event.ts'
import { latestPosition } from '../log/position.ts'
import type { Lease } from './cursor.ts'

/** The outcomes of keep_rejected (sql/functions). */
type Outcome = 'kept' | 'last' | 'no_room' | 'lost'

/**
 * Keeps a rejected event. `last`: kept, and there is no room for another. `no_room`: not kept. The
 * same event is kept once, even after a crash between this and the next step of the cursor. `lost`:
 * another worker has the lease by now.
 */
export async function keepRejected(
  db: Db,
  { tenant, consumer, run, owner, epoch }: Lease,
  event: LoggedEvent,
  { status, response }: { status: number; response: string },
): Promise<Outcome> {
  const result = await sql<{ outcome: Outcome }>`
    select keep_rejected(
      ${tenant}, ${consumer}, ${run}::integer, ${owner}::uuid, ${epoch}::bigint,
      ${event.position}::bigint, ${event.name}, ${event.entityId}, ${event.idempotencyKey},
      ${event.payload}::json, ${status}::integer, ${response}, ${limits.rejectedEvents}::integer,
      ${latestPosition()}
    ) as outcome`.execute(db)
  return onlyRow(result).outcome
}

// The record of attempts that failed, for the integration's log and for audits.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import type { Outcome } from '../destination/destination.ts'
import type { Lease } from './cursor.ts'

/** Records one failed attempt to deliver the event at `eventPosition`. `attempt` counts from 1. */
export async function recordAttempt(
  db: Db,
  lease: Lease,
  eventPosition: number,
  attempt: number,
  outcome: Exclude<Outcome, { kind: 'delivered' }>,
): Promise<void> {
  // A NUL is legal in an answer and in no text of Postgres.
  const response = outcome.response?.replaceAll('\0', '\ufffd') ?? null
  await db
    .insertInto('attempt')
    .values({
      tenant: lease.tenant,
      position: sql<number>`position_of(clock_timestamp())`,
      consumer: lease.consumer,
      run: lease.run,
      event_position: eventPosition,
      attempt,
      outcome: outcome.kind,
      status: outcome.status ?? null,
      reason: outcome.reason,
      response,
    })
    .execute()
}

// The record of failed attempts, for the integration's log and for audits.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import type { Failure } from '../destination/destination.ts'
import type { Lease } from './cursor.ts'
import { databaseNow } from './database-now.ts'

/**
 * Records one failed attempt to deliver the event at `eventPosition`. `attempt` counts from 1.
 * Without the lease nothing is recorded: the failure may only be the worker's own freeze.
 */
export async function recordAttempt(
  db: Db,
  lease: Lease,
  { eventPosition, attempt }: { eventPosition: number; attempt: number },
  outcome: Failure,
): Promise<void> {
  await sql`
    insert into attempt (
      tenant, position, consumer, run, event_position, attempt, outcome, status, reason, response
    )
    select
      tenant, ${databaseNow()}, consumer, run, ${eventPosition}::bigint,
      ${attempt}::integer, ${outcome.kind}, ${outcome.status ?? null}::integer, ${outcome.reason},
      ${outcome.response ?? null}::text
    from cursor
    where tenant = ${lease.tenant} and consumer = ${lease.consumer} and run = ${lease.run}
      and owner = ${lease.owner} and epoch = ${lease.epoch}`.execute(db)
}

// Alerts that were held back: a stream that is interrupted or has recovered is alerted at most once
// a minute each way, and never if that would fail the change of its cursor (alert_of_stream,
// append_alert). If its state lasts, it is alerted here.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { boundTriggers } from '../delivery/database-now.ts'

/** Streams in one transaction, which holds the lane meanwhile. */
const MOST_STREAMS = 20

/**
 * Appends the alerts that are due: the trigger decides for each cursor. All rows are locked before
 * the first alert takes the lane; rows that others have locked are left for the next run.
 */
export async function alertWhatLasts(db: Db): Promise<void> {
  await sql`
    with silent as materialized (
      select cursor.tenant, cursor.consumer, cursor.run
      from cursor
      join consumer on consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
      where (cursor.attempts > 0) <> cursor.alerted
        and consumer.status = 'running' and consumer.kind <> 'projection'
        and not exists (
          select from cursor as own
          where own.tenant = cursor.tenant and own.consumer = cursor.consumer
            and own.run < cursor.run
        )
        and (
          case when cursor.attempts > 0 then interruption_alert_at else recovery_alert_at end
            between clock_timestamp() - interval '1 minute' and clock_timestamp()
        ) is not true
      order by cursor.tenant, cursor.consumer, cursor.run
      limit ${MOST_STREAMS}
      for update of cursor skip locked
    ),
    locked as materialized (select ${boundTriggers()}, count(*) from silent)
    update cursor
    set attempts = attempts
    from silent, locked
    where cursor.tenant = silent.tenant and cursor.consumer = silent.consumer
      and cursor.run = silent.run and (cursor.attempts > 0) <> cursor.alerted`.execute(db)
}

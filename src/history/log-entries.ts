// The log for integrators: changes (config log) and failures (attempts), newest first.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { timeOf } from '../log/position.ts'

type LogEntry = { action: string; reason: string; created_at: string }

/** The last 50 entries of a consumer since it was registered. */
export async function readLogEntries(
  db: Db,
  tenant: string,
  { id, createdPosition }: { id: string; createdPosition: number },
): Promise<LogEntry[]> {
  const { rows } = await sql<{ position: number; action: string; reason: string }>`
    with changes as (
      select position, action, reason
      from config_log
      where tenant = ${tenant} and id = ${id}
        and position >= ${createdPosition}
      order by position desc
      limit ${limits.logEntries}
    ),
    attempts as (
      select
        position,
        case
          when outcome = 'delivered' then 'rejected_event_delivered'
          when outcome = 'rejected' then 'event_rejected'
          when outcome = 'refused' then 'event_refused'
          when attempt > ${limits.retries} then 'retries_exhausted'
          else 'retry_triggered'
        end as action,
        format('%s. Event at position %s, attempt %s.', reason, event_position, attempt)
          || coalesce(' Response: ' || nullif(response, ''), '') as reason
      from attempt
      where tenant = ${tenant} and consumer = ${id}
        and position >= ${createdPosition}
      order by position desc
      limit ${limits.logEntries}
    )
    select * from changes
    union all
    select * from attempts
    order by position desc
    limit ${limits.logEntries}`.execute(db)
  return rows.map(({ position, action, reason }) => ({
    action,
    reason,
    created_at: timeOf(position),
  }))
}

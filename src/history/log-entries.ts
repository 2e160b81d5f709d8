// The log for integrators: changes (config log) and failures (attempts), newest first, in pages.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { timeOf } from '../log/position.ts'
import { beforeOf, beforeParameters } from './before.ts'

/** `actor`: a key, a token, or millrace itself. */
type LogEntry = { action: string; reason: string; actor: string; created_at: string }

type Row = { position: number; action: string; reason: string; actor: string }

const sizes = { usual: limits.logEntries, most: limits.logEntries }

export const logParameters = beforeParameters('entries', sizes)

/**
 * A page of the entries of a consumer since it was registered. Throws `invalid_request` if `limit`
 * or `before` is invalid.
 */
export async function readLogEntries(
  db: Db,
  tenant: string,
  { id, createdPosition }: { id: string; createdPosition: number },
  query: Record<string, string | string[] | undefined>,
): Promise<LogEntry[]> {
  const { before, limit } = beforeOf(query, sizes)
  const { rows } = await sql<Row>`
    with changes as (
      select position, action, reason, actor
      from config_log
      where tenant = ${tenant} and id = ${id}
        and position >= ${createdPosition} and position < ${before}
      order by position desc
      limit ${limit + 1}
    ),
    attempts as (
      select
        position,
        case
          when outcome = 'delivered' then 'rejected_event_delivered'
          when outcome = 'resent' then 'resent_event_delivered'
          -- By hand: the stream has tried nothing.
          when attempt = 0 then 'resend_failed'
          when outcome = 'rejected' then 'event_rejected'
          when outcome = 'refused' then 'event_refused'
          when attempt > ${limits.retries} then 'retries_exhausted'
          else 'retry_triggered'
        end as action,
        format('%s. Event at position %s', reason, event_position)
          || case when attempt > 0 then format(', attempt %s.', attempt) else ', by hand.' end
          || coalesce(' Response: ' || nullif(response, ''), '') as reason,
        coalesce(actor, 'millrace') as actor
      from attempt
      where tenant = ${tenant} and consumer = ${id}
        and position >= ${createdPosition} and position < ${before}
        -- A skip has an entry among the changes.
        and outcome <> 'skipped'
      order by position desc
      limit ${limit + 1}
    )
    select * from changes
    union all
    select * from attempts
    order by position desc
    limit ${limit + 1}`.execute(db)
  return cut(rows, limit).map(({ position, action, reason, actor }) => ({
    action,
    reason,
    actor,
    created_at: timeOf(position),
  }))
}

/**
 * Cuts rows to a page. Attempts of the same microsecond stay together, since the next page begins
 * before the last time of this one.
 */
function cut(rows: Row[], limit: number): Row[] {
  const next = rows[limit]
  if (!next) return rows
  const whole = rows.filter(({ position }) => position > next.position)
  return whole.length > 0 ? whole : rows.slice(0, limit)
}

// Pages of the log with all that readers over HTTP see of an event. A page is cut by its events and
// by the bytes of their payloads, as in read.ts.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { END_OF_LOG } from './position.ts'
import { type DaysRead, goesOn, readByDays } from './read.ts'
import { type ShownEvent, shownColumns } from './shown.ts'

type Range = {
  tenant: string
  /** Exclusive. */
  after: number
  through: number
  maxEvents: number
  /** The page ends with the event that exceeds this many bytes of payload. */
  maxBytes: number
}

type ShownRow = ShownEvent & { payloadBytes: number; goesOn: boolean | null }

/** `isLast`: when it was read, the log had no more events of the tenant. */
type ShownPage = { rows: ShownEvent[]; isLast: boolean }

/** The next events of a tenant after a position, in order; empty if there are none. */
export function readShownPage(db: Db, range: Omit<Range, 'through'>): Promise<ShownPage> {
  return readByDays(db, { ...range, through: END_OF_LOG }, (days) => readShownDays(db, days))
}

async function readShownDays(db: Db, range: Range): Promise<DaysRead<ShownEvent>> {
  const { rows } = await shownPageQuery(range).execute(db)
  const bytes = rows.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0)
  return { rows, isCut: rows.length === range.maxEvents || bytes >= range.maxBytes }
}

/** One page of a range of at most two days: the plan test explains it. */
export function shownPageQuery(range: Range) {
  return sql<ShownRow>`
    /* prepared: read_shown_page */
    select
      ${shownColumns}, payload_bytes as "payloadBytes", ${goesOn(range)} as "goesOn"
    from (
      select
        page.*,
        -- The bytes of the rows before this one: a page is never cut before its first event.
        coalesce(sum(payload_bytes) over before_this, 0) as bytes_before
      from (
        select *
        from event
        where tenant = ${range.tenant}
          and position > ${range.after} and position <= ${range.through}
        order by position
        limit ${range.maxEvents}
      ) as page
      window before_this as (order by position rows between unbounded preceding and 1 preceding)
    ) as measured
    where bytes_before < ${range.maxBytes}
    order by position`
}

/** The position of the last event of a tenant that is committed; 0 if there is none. */
export async function readLastPosition(db: Db, tenant: string): Promise<number> {
  const { rows } = await sql<{ position: number }>`
    /* prepared: read_last_position */
    select position from event where tenant = ${tenant} order by position desc limit 1`.execute(db)
  return rows[0]?.position ?? 0
}

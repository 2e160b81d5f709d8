// The steps of a search, each a short statement that looks at a bounded number of events: along the
// log, or along the index of ids. Neither reads a payload.

import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { conditionOf, passes, type SearchFilter } from '../filter.ts'
import { addDays, startOfDay } from '../position.ts'

/** The events of a tenant between two positions, both exclusive, in the direction of the search. */
export type SearchRange = { tenant: string; after: number; before: number; descending: boolean }

/** An event that passes the filter, and the bytes of its payload. */
export type Found = { position: number; bytes: number }

type SearchStep = {
  /** In the direction of the search. */
  found: Found[]
  /** All events up to here were looked at; undefined if the range has no event. */
  through: number | undefined
  /** Whether the range may have more events beyond. */
  goesOn: boolean
  /** A day has too many events of the id: only a scan of the log can go on. */
  isCrowded?: boolean
}

/** Events that a step along the log looks at. */
const SCANNED = 10_000
/** Events of one id in a day that a step along the index may sort. */
const MOST_OF_ID = 2_000

type ScannedRow = Found & { takes: boolean | null; nth: number; isLast: boolean }

/** Looks at the next events of a range, until `most` pass the filter. */
export async function scanLog(
  db: Db,
  range: SearchRange,
  filter: SearchFilter,
  most: number,
): Promise<SearchStep> {
  const { rows } = await scanQuery(range, filter, most).execute(db)
  const last = rows.at(-1)
  return {
    found: rows.filter(({ takes }) => takes),
    through: last?.position,
    goesOn: last !== undefined && !last.isLast,
  }
}

/**
 * The query of scanLog. Beside the events that pass it returns the last one that it looked at. The
 * scan ends with the `most`th row, since nothing here needs all rows first.
 */
export function scanQuery(
  { tenant, after, before, descending }: SearchRange,
  filter: SearchFilter,
  most: number,
): RawBuilder<ScannedRow> {
  const order = sql.raw(descending ? 'desc' : 'asc')
  return sql<ScannedRow>`
    /* prepared: search_log_${order} */
    select position, bytes, takes, nth, is_last as "isLast"
    from (
      select
        position, payload_bytes as bytes, ${conditionOf(filter)} as takes,
        row_number() over in_order as nth,
        lead(position) over in_order is null as is_last
      from (
        select position, name, entity_id, correlation_ids, payload_bytes
        from event
        where tenant = ${tenant} and position > ${after} and position < ${before}
        order by position ${order}
        limit ${SCANNED} + 1
      ) as scanned
      window in_order as (order by position ${order})
    ) as numbered
    where nth <= ${SCANNED} and (takes or nth = ${SCANNED} or is_last)
    order by position ${order}
    limit ${most}`
}

type IndexedRow = { position: number } & (
  | { name: string; entityId: string; correlationIds: Record<string, string>; bytes: number }
  /** The day that begins at this position has too many events of the id. */
  | { name: null }
)

/** Looks at the next events of an id, in whole days. */
export async function scanId(
  db: Db,
  range: SearchRange,
  filter: SearchFilter,
  id: string,
): Promise<SearchStep> {
  const { tenant, after, before, descending } = range
  const { rows } = await sql<IndexedRow>`
    /* prepared: search_id */
    select
      position, name, entity_id as "entityId", correlation_ids as "correlationIds",
      payload_bytes as bytes
    from events_of_id(
      ${tenant}, ${id}, ${after}, ${before}, ${descending}, ${MOST_OF_ID}::integer
    )`.execute(db)
  const crowdedDay = rows.find(({ name }) => name === null)?.position
  const isCrowded = crowdedDay !== undefined
  const events = rows
    .flatMap((row) => (row.name === null ? [] : [row]))
    .filter(({ position }) => !isCrowded || startOfDay(position) !== crowdedDay)
    .sort((a, b) => (descending ? b.position - a.position : a.position - b.position))
  const found = events.filter((event) => passes(filter, event))
  const last = events.at(-1)?.position
  if (isCrowded) return { found, through: edgeBefore(crowdedDay, range), goesOn: true, isCrowded }
  if (last === undefined || events.length < MOST_OF_ID) {
    return { found, through: last, goesOn: false }
  }
  // Not the end of its day: that may be today's, and more may be published until then.
  return { found, through: descending ? startOfDay(last) : last, goesOn: true }
}

/** The last position in front of a day, within the range. */
function edgeBefore(day: number, { after, before, descending }: SearchRange): number {
  return descending ? Math.min(before, addDays(day, 1)) : Math.max(after, day - 1)
}

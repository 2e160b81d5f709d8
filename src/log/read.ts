// Reads the log in pages: range scans by position. SQL applies the filter after it has cut the
// page: the limits count scanned events, not matches. So a filter that takes nothing cannot turn
// one read into a scan of the log.
//
// All of it is prepared: a relaxed session (db/session.ts) plans each statement once. Each run then
// opens the one or two daily partitions that its two bounds name. With 38 partitions a page that is
// planned anew costs Postgres 312 us, and a prepared one 36 us.

import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import type { EventFilter, LoggedEvent, Selection } from './event.ts'
import { addDays } from './position.ts'

type Stretch = {
  tenant: string
  /** Exclusive. */
  after: number
  /**
   * Inclusive. The last position that the page may contain: a replay's last one, or END_OF_LOG. No
   * clock bounds it: an event may be ahead of all clocks.
   */
  through: number
}

export type PageRange = Stretch &
  Selection & {
    maxEvents: number
    /** The page ends with the event that exceeds this many bytes of payload. */
    maxBytes: number
  }

/** A row of a page. `payload` is null if the filter does not take the event. */
export type PageRow = Omit<LoggedEvent, 'payload'> & { payload: string | null }

/** `goesOn`: the log of all tenants continues after the range of days that was read. */
type MeasuredRow = PageRow & { goesOn: boolean | null }

/** `isLarge`: has no payload because it is large, whatever the filter says. */
type UnmeasuredRow = MeasuredRow & { isLarge: boolean }

/** Several consumers may share it. `isLast`: when it was read, the range had no more events. */
export type Page = { readonly rows: readonly PageRow[]; isLast: boolean }

/**
 * If only events below this size need no measuring, too many are larger: the page is measured at
 * once.
 */
const SMALL_BYTES = 4_096

/**
 * One page of a range of at most two days, with payloads of at most `smallBytes`; it marks larger
 * events. readPage runs this query, and the plan test explains it.
 */
export function pageQuery(range: PageRange, smallBytes: number): RawBuilder<UnmeasuredRow> {
  return sql<UnmeasuredRow>`
    /* prepared: read_page${variantOf(range)} */
    select
      position, name, entity_id as "entityId", idempotency_key as "idempotencyKey", traceparent,
      case when takes and payload_bytes <= ${smallBytes} then payload end as payload,
      takes and payload_bytes > ${smallBytes} as "isLarge",
      ${goesOn(range)} as "goesOn"
    from (${scanned(range)}) as page
    order by position`
}

/** The same with payloads of any size, cut by their total bytes. */
export function measuredPageQuery(range: PageRange): RawBuilder<MeasuredRow> {
  return sql<MeasuredRow>`
    /* prepared: read_measured_page${variantOf(range)} */
    select
      position, name, entity_id as "entityId", idempotency_key as "idempotencyKey", traceparent,
      case when takes then payload end as payload,
      ${goesOn(range)} as "goesOn"
    from (
      select
        page.*,
        -- The bytes of the rows before this one: a page is never cut before its first event.
        coalesce(sum(payload_bytes) filter (where takes) over before_this, 0) as bytes_before
      from (${scanned(range)}) as page
      window before_this as (order by position rows between unbounded preceding and 1 preceding)
    ) as measured
    where bytes_before < ${range.maxBytes}
    order by position`
}

/**
 * Evaluated once per statement. It reads the sequence: a query would have to plan all partitions.
 */
export function goesOn(range: { through: number }): RawBuilder<boolean> {
  return sql`(select pg_sequence_last_value('lane_position') > ${range.through}::bigint)`
}

/** The last position of the log that was handed out, over all tenants; 0 before the first. */
export async function readLogEnd(db: Db): Promise<number> {
  const { rows } = await sql<{ last: number | null }>`
    /* prepared: log_end */ select pg_sequence_last_value('lane_position') as last`.execute(db)
  return rows[0]?.last ?? 0
}

/** Whether the log has passed a position: no more events can appear up to there. */
export async function logHasPassed(db: Db, position: number): Promise<boolean> {
  const { rows } = await sql<{ passed: boolean }>`
    /* prepared: log_has_passed */ select log_has_passed(${position}) as passed`.execute(db)
  return rows[0]?.passed ?? false
}

/** The scanned rows that a page is cut from, each with whether the filter takes it. */
function scanned(range: PageRange): RawBuilder<unknown> {
  return sql`
    select position, name, entity_id, idempotency_key, traceparent, payload, payload_bytes,
      ${takes(range)} as takes
    from event
    where tenant = ${range.tenant}
      and position > ${range.after} and position <= ${range.through}
    order by position
    limit ${range.maxEvents}`
}

/** The next events of a range in order; empty if there are none. */
export function readPage(db: Db, range: PageRange): Promise<Page> {
  return readByDays(
    db,
    range,
    async (days) => (await readUnmeasured(db, days)) ?? (await readMeasured(db, days)),
  )
}

/** The answer of a statement for at most two days. `isCut`: it may have been cut at a limit. */
export type DaysRead<Row> = { rows: (Row & { goesOn: boolean | null })[]; isCut: boolean }

/**
 * Reads a page with a statement that reads two days at most, and goes on where the log does if
 * these are empty.
 */
export async function readByDays<Row, Range extends Stretch>(
  db: Db,
  range: Range,
  read: (days: Range) => Promise<DaysRead<Row>>,
): Promise<{ rows: Row[]; isLast: boolean }> {
  const page = await readDays(db, range, read)
  if (page.rows.length > 0 || page.isLast) return page
  // Two days were empty: look up where the log continues, instead of asking day by day.
  const { rows } = await sql<{ position: number }>`
    /* prepared: read_next_position */
    select position
    from event
    where tenant = ${range.tenant}
      and position > ${range.after} and position <= ${range.through}
    order by position
    limit 1`.execute(db)
  const [next] = rows
  return next
    ? readDays(db, { ...range, after: next.position - 1 }, read)
    : { rows: [], isLast: true }
}

async function readDays<Row, Range extends Stretch>(
  db: Db,
  range: Range,
  read: (days: Range) => Promise<DaysRead<Row>>,
): Promise<{ rows: Row[]; isLast: boolean }> {
  if (range.through <= range.after) return { rows: [], isLast: true }
  const through = Math.min(range.through, endOfDays(range.after))
  const { rows, isCut } = await read({ ...range, through })
  if (isCut || through === range.through) return { rows, isLast: !isCut }
  const [row] = rows
  return { rows, isLast: row ? !row.goesOn : (await readLogEnd(db)) <= through }
}

/**
 * A page of small events, few enough that it cannot exceed its bytes, up to the first large one;
 * undefined if it would be empty. Most pages are such. Measuring one takes a third more of the
 * server's time.
 */
async function readUnmeasured(db: Db, range: PageRange): Promise<DaysRead<PageRow> | undefined> {
  const smallBytes = Math.floor(range.maxBytes / range.maxEvents)
  if (smallBytes < SMALL_BYTES) return undefined
  const { rows } = await pageQuery(range, smallBytes).execute(db)
  const large = rows.findIndex(({ isLarge }) => isLarge)
  if (large === -1) return { rows, isCut: rows.length === range.maxEvents }
  return large === 0 ? undefined : { rows: rows.slice(0, large), isCut: true }
}

async function readMeasured(db: Db, range: PageRange): Promise<DaysRead<PageRow>> {
  const { maxEvents, maxBytes } = range
  const { rows } = await measuredPageQuery(range).execute(db)
  // A character has at most three bytes.
  const bytes = rows.reduce((sum, { payload }) => sum + (payload?.length ?? 0) * 3, 0)
  return { rows, isCut: rows.length === maxEvents || bytes >= maxBytes }
}

/** The last position of the at most two days that a page reads. */
function endOfDays(after: number): number {
  return addDays(after, 2) - 1
}

/**
 * The events at these positions, in order; `payload` as in a page. Events past the retention are
 * missing.
 */
export async function readEvents(
  db: Db,
  tenant: string,
  positions: number[],
  selection: Selection,
): Promise<PageRow[]> {
  if (positions.length === 0) return []
  const { rows } = await sql<PageRow>`
    /* prepared: read_events${variantOf(selection)} */
    select
      position, name, entity_id as "entityId", idempotency_key as "idempotencyKey", traceparent,
      case when ${takes(selection)} then payload end as payload
    from event
    where tenant = ${tenant}
      and position between ${Math.min(...positions)} and ${Math.max(...positions)}
      and position = any(${positions}::bigint[])
    order by position`.execute(db)
  return rows
}

/** The event at a position, whatever it is; undefined if there is none, or none any more. */
export async function readEvent(
  db: Db,
  tenant: string,
  position: number,
): Promise<LoggedEvent | undefined> {
  const { rows } = await sql<LoggedEvent>`
    select
      position, name, entity_id as "entityId", idempotency_key as "idempotencyKey", traceparent,
      payload::text as payload
    from event
    where tenant = ${tenant} and position = ${position}`.execute(db)
  return rows[0]
}

/** A selection as an SQL condition. */
export function takes({ filter, isLive }: Selection): RawBuilder<boolean> {
  const passes = passesFilter(filter)
  return isLive ? sql`(live and ${passes})` : passes
}

function passesFilter(filter: EventFilter | null): RawBuilder<boolean> {
  if (!filter) return sql`name not like 'millrace.%'`
  const { names, entities, classes, notAbout } = filter
  const named = sql<boolean>`(
    name = any(${names}::text[]) or split_part(name, '.', 1) = any(${entities}::text[])
  )`
  const passes = classes ? sql`(${named} and event_class(name) = any(${classes}::text[]))` : named
  if (notAbout === undefined) return passes as RawBuilder<boolean>
  return sql`(
    ${passes} and not (name like 'millrace.%' and entity_id = ${notAbout})
  )`
}

/** Ends the name of a statement: each shape of takes() is a statement of its own. */
function variantOf({ filter, isLive }: Selection): RawBuilder<unknown> {
  const live = isLive ? '_live' : ''
  if (!filter) return sql.raw(live)
  const kind = filter.classes ? '_by_class' : '_by_name'
  return sql.raw(`${live}${kind}${filter.notAbout === undefined ? '' : '_of_others'}`)
}

// What the next file will hold: a look at the log's positions and sizes, without the payloads. The
// log itself is what is collected for a window; nothing is held in memory meanwhile, so there is
// nothing to lose.

import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { bodyText } from '../destination/body.ts'
import type { EventFilter } from '../log/event.ts'
import { timeOf } from '../log/position.ts'
import { takes } from '../log/read.ts'

/** Positions that one statement looks at. */
const PAGE_EVENTS = 10_000

/** The line of an event without its tenant, name and payload, with the newline. */
const LINE_BYTES =
  bodyText({ tenant: '', name: '', publishedAt: timeOf(0), payload: '' }).length + 1

export type PlanRange = {
  tenant: string
  /** Exclusive. */
  after: number
  /** Inclusive. */
  through: number
  filter: EventFilter | null
  /** What a file may hold; one event always fits. */
  maxBytes: number
}

export type Plan = {
  /** Where the file ends, or where the look at the log did. */
  through: number
  /** Events that the filter takes, and the bytes of their lines. */
  events: number
  bytes: number
  /** Events that were looked at before the first one that the filter takes. */
  leading: number
  /** The first event that the filter takes; null where there is none. */
  first: number | null
  /** The next event has no room: the file will not grow. */
  isFull: boolean
  /** When it was looked at, by the database's clock: workers' clocks may differ. */
  lookedAt: number
}

type PageRow = Omit<Plan, 'isFull' | 'through'> & {
  through: number | null
  looked: number
  fitting: number
}

/** What one file can take of a range. */
export async function planFile(db: Db, range: PlanRange): Promise<Plan> {
  const plan: Plan = {
    through: range.after,
    ...{ events: 0, bytes: 0, leading: 0, first: null, isFull: false, lookedAt: 0 },
  }
  for (;;) {
    const { rows } = await planQuery({ ...range, after: plan.through }, plan).execute(db)
    const page = rows[0] as PageRow
    if (plan.first === null) plan.leading += page.leading
    plan.first ??= page.first
    plan.events += page.events
    plan.bytes += page.bytes
    plan.through = page.through ?? plan.through
    plan.isFull = page.fitting < page.looked
    plan.lookedAt = page.lookedAt
    if (plan.isFull || page.looked < PAGE_EVENTS) return plan
  }
}

/** One page of the look, from `range.after` on, with what the file holds already. */
export function planQuery(
  range: PlanRange,
  { events, bytes }: Pick<Plan, 'events' | 'bytes'>,
): RawBuilder<PageRow> {
  const lineBytes = LINE_BYTES + range.tenant.length
  return sql<PageRow>`
    select
      max(position) filter (where fits) as through,
      min(position) filter (where fits and bytes is not null) as first,
      (count(bytes) filter (where fits))::integer as events,
      coalesce(sum(bytes) filter (where fits), 0)::bigint as bytes,
      (count(*) filter (where nth = 0))::integer as leading,
      (count(*) filter (where fits))::integer as fitting,
      count(*)::integer as looked,
      position_of(clock_timestamp()) as "lookedAt"
    from (
      select
        *,
        ${bytes}::bigint + coalesce(sum(bytes) over so_far, 0) <= ${range.maxBytes}
          or ${events}::bigint + count(bytes) over so_far <= 1 as fits,
        ${events}::bigint + count(bytes) over so_far as nth
      from (
        select
          position,
          case when ${takes(range.filter)} then ${lineBytes}::integer + length(name) + payload_bytes
          end as bytes
        from event
        where tenant = ${range.tenant}
          and position > ${range.after} and position <= ${range.through}
        order by position
        limit ${PAGE_EVENTS}
      ) as page
      window so_far as (order by position)
    ) as measured`
}

// The preview of a filter: its events of the time before now, by name, and the newest. It reads the
// log backward, page by page, within a bounded time, and says how far it has come.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import type { EventFilter } from '../../log/event.ts'
import { takes } from '../../log/read.ts'

/** Events per statement: some 50 ms. */
const PAGE_EVENTS = 50_000
const WITHIN_MS = 1_000
export const MOST_NAMES = 100
export const NEWEST = 10

/** `from` and `to` are the first and the last position. */
type Range = { tenant: string; from: number; to: number; filter: EventFilter | null }

type Preview = {
  /** Everything from this position on is counted. */
  countedFrom: number
  events: number
  /** The commonest names; the others count in `events` alone. */
  names: { name: string; events: number }[]
  newest: { position: number; name: string; entityId: string }[]
}

/** The events of a range that a live stream with this filter takes, counted from the newest on. */
export async function previewFilter(
  db: Db,
  range: Range,
  withinMs: number = WITHIN_MS,
): Promise<Preview> {
  const until = performance.now() + withinMs
  const counts = new Map<string, number>()
  const newest: number[] = []
  let { to } = range
  for (;;) {
    const rows = await readPage(db, { ...range, to })
    for (const { name, events, last } of rows) {
      if (name === null) continue
      counts.set(name, (counts.get(name) ?? 0) + events)
      newest.push(...last)
    }
    newest.sort((a, b) => b - a).splice(NEWEST)
    const scanned = rows.reduce((sum, { events }) => sum + events, 0)
    const isAll = scanned < PAGE_EVENTS
    to = isAll ? range.from - 1 : Math.min(...rows.map(({ first }) => first)) - 1
    if (isAll || performance.now() >= until) break
  }
  const names = [...counts].map(([name, events]) => ({ name, events }))
  names.sort((a, b) => b.events - a.events || (a.name < b.name ? -1 : 1))
  return {
    countedFrom: to + 1,
    events: names.reduce((sum, { events }) => sum + events, 0),
    names: names.slice(0, MOST_NAMES),
    newest: await readNewest(db, range.tenant, newest),
  }
}

/** The events of a page with one name; of all that are not taken, null. */
type Counted = { name: string | null; events: number; first: number; last: number[] }

async function readPage(db: Db, { tenant, from, to, filter }: Range): Promise<Counted[]> {
  const { rows } = await sql<Counted>`
    select
      taken as name, count(*)::integer as events, min(position) as first,
      (array_agg(position order by position desc))[1:${sql.lit(NEWEST)}] as last
    from (
      select position, case when ${takes({ filter, isLive: true })} then name end as taken
      from (
        select position, name, entity_id, live
        from event
        where tenant = ${tenant} and position >= ${from} and position <= ${to}
        order by position desc
        limit ${PAGE_EVENTS}
      ) as page
    ) as judged
    group by taken`.execute(db)
  return rows
}

async function readNewest(db: Db, tenant: string, positions: number[]): Promise<Preview['newest']> {
  if (positions.length === 0) return []
  const { rows } = await sql<Preview['newest'][number]>`
    select position, name, entity_id as "entityId"
    from event
    where tenant = ${tenant}
      and position between ${Math.min(...positions)} and ${Math.max(...positions)}
      and position = any(${positions}::bigint[])
    order by position desc`.execute(db)
  return rows
}

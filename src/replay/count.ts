// Counts the events that a replay sends. Page by page, within a bounded time; the rest of a larger
// range is estimated: by the planner's statistics, and by the part that the filter took so far.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import type { EventFilter } from '../log/event.ts'
import { takes } from '../log/read.ts'

/** Events per statement: some 30 ms. */
const PAGE_EVENTS = 50_000

/** `from` and `to` are the first and the last position. */
type Range = { tenant: string; from: number; to: number; filter: EventFilter | null }

type Count = { events: number; isEstimate: boolean }

/** The events of a range that a filter takes; an estimate if `withinMs` is too short for all. */
export async function countEvents(
  db: Db,
  range: Range,
  withinMs: number = limits.replayCountMs,
): Promise<Count> {
  const until = performance.now() + withinMs
  let after = range.from - 1
  let scanned = 0
  let taken = 0
  for (;;) {
    const page = await countPage(db, { ...range, from: after + 1 })
    scanned += page.scanned
    taken += page.taken
    if (page.scanned < PAGE_EVENTS || page.last === null) {
      return { events: taken, isEstimate: false }
    }
    after = page.last
    if (performance.now() >= until) break
  }
  const rest = await estimateRows(db, { ...range, from: after + 1 })
  return { events: taken + Math.round((rest * taken) / scanned), isEstimate: true }
}

type CountedPage = { scanned: number; taken: number; last: number | null }

async function countPage(db: Db, { tenant, from, to, filter }: Range): Promise<CountedPage> {
  const result = await sql<CountedPage>`
    select
      count(*)::integer as scanned,
      (count(*) filter (where ${takes({ filter, isLive: false })}))::integer as taken,
      max(position) as last
    from (
      select position, name, entity_id
      from event
      where tenant = ${tenant} and position >= ${from} and position <= ${to}
      order by position
      limit ${PAGE_EVENTS}
    ) as page`.execute(db)
  return onlyRow(result)
}

/** The planner's estimate of the events in a range. */
async function estimateRows(db: Db, { tenant, from, to }: Range): Promise<number> {
  const result = await sql<{ 'QUERY PLAN': string }>`
    explain (format json)
    select from event
    where tenant = ${tenant} and position >= ${from} and position <= ${to}`.execute(db)
  // The pool leaves JSON as text.
  const plans: [{ Plan: { 'Plan Rows': number } }] = JSON.parse(onlyRow(result)['QUERY PLAN'])
  return plans[0].Plan['Plan Rows']
}

/** The position of a tenant's oldest event that is kept; undefined if there is none. */
export async function oldestPosition(db: Db, tenant: string): Promise<number | undefined> {
  const { rows } = await sql<{ position: number }>`
    select position from event where tenant = ${tenant} order by position limit 1`.execute(db)
  return rows[0]?.position
}

// A search: the next page of a tenant's events that pass a filter, and where to go on. It goes in
// steps until the page is full, the range has ended, or it has looked at enough for one call.

import { sql } from 'kysely'
import { limits } from '../../config.ts'
import type { Db } from '../../db/pool.ts'
import type { SearchFilter } from '../filter.ts'
import { type ShownEvent, shownColumns } from '../shown.ts'
import { type Found, type SearchRange, scanId, scanLog } from './scan.ts'

/** Steps of one call; after the time it begins no further one. */
const MOST_STEPS = 10
const LONGEST_MS = 1_000

export type SearchPage = {
  /** In the direction of the search; together at most `searchBytes`, or one event. */
  found: Found[]
  /** Where to go on; null at the end of what there is. */
  next: number | null
  /** All events up to here were looked at. */
  through: number
}

/** Searches for at most `limit` events. */
export async function search(
  db: Db,
  { range, filter, limit }: { range: SearchRange; filter: SearchFilter; limit: number },
): Promise<SearchPage> {
  const deadline = performance.now() + LONGEST_MS
  let id = filter.entityId ?? filter.orderId ?? filter.customerId
  let left = range
  const found: Found[] = []
  for (let steps = 1; ; steps++) {
    const most = limit - found.length
    const step =
      id === undefined ? await scanLog(db, left, filter, most) : await scanId(db, left, filter, id)
    if (step.isCrowded) id = undefined
    found.push(...step.found)
    const cut = cutOf(found, limit)
    if (cut < found.length) return pageThrough(found.slice(0, cut))
    const { through } = step
    if (!step.goesOn) return { found, next: null, through: through ?? edgeOf(left) }
    if (found.length === limit) return pageThrough(found)
    if (through !== undefined) {
      left = left.descending ? { ...left, before: through } : { ...left, after: through }
    }
    // After a step that only found a crowded day another one must follow: each call gets on.
    if (step.isCrowded) continue
    if (steps >= MOST_STEPS || performance.now() > deadline) {
      return { found, next: edgeOf(left), through: edgeOf(left) }
    }
  }
}

/** Up to where earlier steps have looked. */
function edgeOf({ descending, before, after }: SearchRange): number {
  return descending ? before : after
}

/** A page that ends with its last event: there may be more. */
function pageThrough(found: Found[]): SearchPage {
  const { position } = found.at(-1) as Found
  return { found, next: position, through: position }
}

/** How many events fit on a page: its bytes may be exceeded by a single event only. */
function cutOf(found: Found[], limit: number): number {
  let bytes = 0
  const beyond = found.findIndex((event, index) => {
    bytes += event.bytes
    return index > 0 && bytes > limits.searchBytes
  })
  return Math.min(limit, beyond === -1 ? found.length : beyond)
}

/** The events at these positions, in order; those that the retention has removed are missing. */
export async function readShown(
  db: Db,
  tenant: string,
  positions: number[],
): Promise<ShownEvent[]> {
  if (positions.length === 0) return []
  const { rows } = await sql<ShownEvent>`
    /* prepared: read_shown */
    select ${shownColumns}
    from unnest(${positions}::bigint[]) as found (at)
    -- Each probe opens the partition of its day only.
    cross join lateral (
      select * from event where tenant = ${tenant} and position = found.at limit 1
    ) as event
    order by position`.execute(db)
  return rows
}

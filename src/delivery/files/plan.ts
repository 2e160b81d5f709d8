// Plans the next file from positions and sizes in the log, without payloads. The log itself holds a
// window's events; nothing is in memory meanwhile, so nothing can be lost.

import type pg from 'pg'
import { limits } from '../../config.ts'
import { headOfLine } from '../../destination/body.ts'
import { timeOf } from '../../log/position.ts'
import { type RawRange, type RawSize, readSizes } from '../../log/raw.ts'

/** Events per statement. */
const LOOK_EVENTS = 10_000

/** The line of an event without its tenant, name, trace and payload, with its end. */
const LINE_BYTES =
  headOfLine({ tenant: '', name: '', publishedAt: timeOf(0), traceparent: null }).length +
  '}\n'.length

/** `maxBytes`: the limit of a file; a single event always fits. */
type PlanRange = RawRange & { maxBytes: number }

export type Plan = {
  /** The last position of the file, or of the part of the log that was read. */
  through: number
  /** Events that the filter takes, and the bytes of their lines. */
  events: number
  bytes: number
  /** Events before the first one that the filter takes. */
  leading: number
  /** The first event that the filter takes; null if there is none. */
  first: number | null
  /** The next event does not fit: the file cannot grow. */
  isFull: boolean
  /** The ends of its pages: each is small enough to be read at once. */
  ends: number[]
}

export type Planner = (range: PlanRange) => Promise<Plan>

/** The most of a range that fits into one file. */
export async function planFile(pool: pg.Pool, range: PlanRange): Promise<Plan> {
  const plan: Plan = {
    through: range.after,
    events: 0,
    bytes: 0,
    leading: 0,
    first: null,
    isFull: false,
    ends: [],
  }
  const lineBytes = LINE_BYTES + range.tenant.length
  let page = { events: 0, bytes: 0 }
  let looked: number
  do {
    looked = await readSizes(pool, { ...range, after: plan.through }, LOOK_EVENTS, add)
  } while (looked === LOOK_EVENTS && !plan.isFull)
  if (page.events > 0) plan.ends.push(plan.through)
  return plan

  function add({ position, bytes }: RawSize): void {
    const line = bytes === null ? 0 : lineBytes + bytes
    plan.isFull ||= plan.events > 0 && plan.bytes + line > range.maxBytes
    if (plan.isFull) return
    if (bytes !== null) {
      plan.first ??= position
      plan.events++
      plan.bytes += line
    } else if (plan.first === null) plan.leading++
    plan.through = position
    page.events++
    page.bytes += line
    if (page.events < limits.pageEvents && page.bytes < limits.pageBytes) return
    plan.ends.push(position)
    page = { events: 0, bytes: 0 }
  }
}

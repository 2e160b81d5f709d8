// The ledger of one integration, judged while events arrive. First deliveries must come in the
// order of the log per entity, and only after the target has answered the previous one with 2xx or
// 400. An answered event that comes again is a duplicate, and needs a cause.

import type { Findings } from '../kit/findings.ts'
import { createColumn } from './column.ts'
import { type Filter, laneOf, NAMES, TENANT, takes, tenantOf } from './event.ts'
import type { HarmLog } from './harm-log.ts'
import type { Journal } from './journal.ts'
import { createSilence, type Silence } from './silence.ts'

const SEEN = 1
const PASSED = 2
const TAKEN = 4
/** The newest attempt was answered: an accepted event may fail when it comes again. */
const LAST_PASSED = 8

export type Ledger = {
  id: string
  /** Notes a request for an event; returns whether that event was here before. */
  arrive(serial: number, position: number): boolean
  /** Notes its answer: taken (2xx), or rejected (400). Not called for other answers. */
  pass(serial: number, outcome: 'taken' | 'rejected'): void
  /** The newest arrival, if its target has not passed it: it holds up the stream. */
  failing(): { serial: number; position: number } | undefined
  /** Notes a request to skip an event: from now on its successors may arrive. */
  skipAsked(serial: number): void
  isPassed(serial: number): boolean
  isTaken(serial: number): boolean
  /** Notes the answer `stopped`: until a start is requested, nothing may arrive. */
  stopAnswered(): void
  startAsked(): void
  /** Arrivals after a stop was answered, except those after a start by somebody else. */
  afterStop(): { stoppedAt: number; at: number }[]
  /** Notes a new configuration. Events that only some of its filters take may arrive. */
  useFilter(filter: Filter | undefined): void
  /** Whether the event must have arrived: it is of its tenant, and every filter took it. */
  mustTake(serial: number): boolean
  /** The longest pause between first deliveries. */
  silence: Silence
  counts: {
    arrivals: number
    first: number
    /** Resends after an answer that asks for one, or after none. */
    retries: number
    reordered: number
    /** By cause. */
    duplicates: Map<string, number>
  }
}

/**
 * `watched`: its number among the targets at which recovery is measured. `tenant`: the tenant whose
 * events it may receive.
 */
export function createLedger(
  id: string,
  filter: Filter | undefined,
  services: {
    journal: Journal
    findings: Findings
    harmLog: HarmLog
    watched?: number
    tenant?: string
  },
): Ledger {
  const { journal, findings, harmLog, watched, tenant = TENANT } = services
  const state = createColumn('byte')
  /** When the attempt that counts came in, ms. */
  const arrivedAt = createColumn('double')
  const rejected = new Set<number>()
  const skipped = new Set<number>()
  let latest: { serial: number; position: number } | undefined
  /** By lane: the newest first delivery, and 1 + the serial of one without an answer yet. */
  const newest = createColumn('double')
  const open = createColumn('integer')
  const strays: { stoppedAt: number; at: number }[] = []
  const filters = [filter]
  let stoppedAt: number | undefined
  const silence = createSilence()
  const counts = { arrivals: 0, first: 0, retries: 0, reordered: 0, duplicates: new Map() }

  return {
    id,
    counts,
    silence,
    arrive(serial, position) {
      const at = Date.now()
      const before = state.get(serial)
      const name = journal.nameOf(serial)
      counts.arrivals++
      latest = { serial, position }
      if (tenantOf(journal.entityOf(serial)) !== tenant) {
        findings.broke("another tenant's", `${id} received event ${serial}`)
      }
      journal.seenAt(serial, position)
      // A retry by hand asks nobody whether the integration runs.
      if (stoppedAt !== undefined && !skipped.has(serial)) strays.push({ stoppedAt, at })
      if (!filters.some((candidate) => takes(candidate, NAMES[name] as string))) {
        findings.broke('sent past the filter', `${id} received ${NAMES[name]} (event ${serial})`)
      }
      if (before & LAST_PASSED) repeat(serial, at)
      else if (before & SEEN) counts.retries++
      else first(serial, position)
      state.set(serial, (before | SEEN) & ~LAST_PASSED)
      arrivedAt.set(serial, at)
      return (before & SEEN) > 0
    },
    pass(serial, outcome) {
      const bits = LAST_PASSED | PASSED | (outcome === 'taken' ? TAKEN : 0)
      if (outcome === 'rejected') rejected.add(serial)
      state.set(serial, state.get(serial) | bits)
      const lane = laneOfSerial(serial)
      if (open.get(lane) === serial + 1) open.set(lane, 0)
    },
    failing: () => (latest && (state.get(latest.serial) & PASSED) === 0 ? latest : undefined),
    skipAsked: (serial) => void skipped.add(serial),
    isPassed: (serial) => (state.get(serial) & PASSED) > 0,
    isTaken: (serial) => (state.get(serial) & TAKEN) > 0,
    stopAnswered() {
      stoppedAt = Date.now()
    },
    startAsked() {
      stoppedAt = undefined
    },
    afterStop: () => strays,
    useFilter(next) {
      filters.push(next)
    },
    mustTake: (serial) =>
      tenantOf(journal.entityOf(serial)) === tenant &&
      filters.every((candidate) => takes(candidate, NAMES[journal.nameOf(serial)] as string)),
  }

  function first(serial: number, position: number): void {
    counts.first++
    silence.broken()
    const lane = laneOfSerial(serial)
    const waiting = open.get(lane)
    const isWaiting = waiting !== 0 && !skipped.has(waiting - 1)
    if (isWaiting || position < newest.get(lane)) {
      counts.reordered++
      const before = isWaiting ? `event ${waiting - 1}, not passed yet` : 'a newer one'
      findings.broke('reordered', `${id} received event ${serial} after ${before}`)
    }
    newest.set(lane, Math.max(position, newest.get(lane)))
    open.set(lane, serial + 1)
    if (watched !== undefined) harmLog.arrived(serial, watched)
  }

  function laneOfSerial(serial: number): number {
    return laneOf(journal.entityOf(serial), journal.nameOf(serial))
  }

  function repeat(serial: number, at: number): void {
    const isByHand = rejected.has(serial) || skipped.has(serial)
    const cause = isByHand ? 'sent again by hand' : harmLog.causeBetween(arrivedAt.get(serial), at)
    if (!cause) {
      const after = `${at - arrivedAt.get(serial)} ms after it was taken`
      findings.broke('duplicate without a cause', `${id} received event ${serial} again ${after}`)
    }
    const known = cause ?? 'none'
    counts.duplicates.set(known, (counts.duplicates.get(known) ?? 0) + 1)
  }
}

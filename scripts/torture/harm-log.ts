// The record of harm: for the counts, for recovery times, and for the causes of duplicates.

import type { HarmKind } from './schedule.ts'

export type HarmLog = {
  /** Begins a harm; call the returned function at its end. */
  began(kind: HarmKind): () => void
  count(kind: HarmKind): number
  /** Whether nobody can deliver while harm of this kind lasts. */
  stopsAll(kind: HarmKind): boolean
  /**
   * The first harm between two times that can make a worker send again; undefined if there is none.
   */
  causeBetween(from: number, until: number): Cause | undefined
  /**
   * Notes that no process of this run got a core between two times: leases and timeouts may have
   * ended.
   */
  starved(from: number, until: number): void
  /** The total of that, in ms. */
  starvedMs(): number
  /** Whether a worker was frozen at some time between two. */
  wasFrozen(from: number, until: number): boolean
  /** Notes the first arrival of an event at the watched target `watched`. */
  arrived(serial: number, watched: number): void
  /** Whether a harm other than `kind` may have had an effect between two times. */
  wasDisturbed(kind: HarmKind, from: number, until: number): boolean
  /** Recovery times, by kind. */
  recoveries(): Map<HarmKind, RecoveryTime[]>
  /** The harms with their times, one a line. */
  text(): string
}

/** The cause of a resend: a harm, or a machine without time. */
type Cause = HarmKind | 'starved'

/** In ms. Alone: no other harm was under way, or came before delivery had recovered. */
type RecoveryTime = { ms: number; isAlone: boolean }

/**
 * After these an event may be sent again although a target has accepted it: progress was lost, or
 * its writer.
 */
const CAUSES: Partial<Record<Cause, true>> = {
  starved: true,
  'kill work': true,
  'kill both workers': true,
  'freeze work': true,
  'freeze a backend': true,
  'crash the database': true,
  'cut connections': true,
  'stall connections': true,
  'terminate backends': true,
  'cancel statements': true,
  'read-only spell': true,
  failover: true,
  'step the clock': true,
}

/** Nobody can deliver while these last: recovery counts from their end. */
const COUNTED_FROM_END: Partial<Record<HarmKind, true>> = {
  'freeze a backend': true,
  'stall connections': true,
  'read-only spell': true,
  failover: true,
  'step the clock': true,
}

/** Chores that hurt nobody. */
const HARMLESS: Partial<Record<HarmKind, true>> = {
  'stop and start': true,
  'stop, update and start': true,
  replay: true,
  'replay beside': true,
  'old day': true,
  'old snapshot': true,
}

/** The processes of the service get their share a little later than this one. */
const STARVED_SLACK_MS = 2_000

/** A request that left before a kill may be read here a little later. */
const SLACK_MS = 500

/** The time that a killed process may need to be back. */
const DISTURBED_MS = 5_000

type Entry = { kind: Cause; from: number; until: number }
type Recovery = {
  kind: HarmKind
  from: number
  serial: number
  missing: Set<number>
  isAlone: boolean
}

/** `newestSerial` is the serial of the next event; `watched`: the number of watched targets. */
export function createHarmLog(newestSerial: () => number, watched: number): HarmLog {
  const entries: Entry[] = []
  let starvedMs = 0
  const recovered = new Map<HarmKind, RecoveryTime[]>()
  let open: Recovery[] = []

  const watch = (kind: HarmKind) => {
    for (const other of open) other.isAlone = false
    const missing = new Set(Array.from({ length: watched }, (_, index) => index))
    const isAlone = open.length === 0
    open.push({ kind, from: Date.now(), serial: newestSerial(), missing, isAlone })
  }

  return {
    began(kind) {
      const entry = { kind, from: Date.now(), until: Number.MAX_SAFE_INTEGER }
      entries.push(entry)
      const isLate = COUNTED_FROM_END[kind]
      if (!HARMLESS[kind] && !isLate) watch(kind)
      return () => {
        entry.until = Date.now()
        if (isLate) watch(kind)
      }
    },
    count: (kind) => entries.filter((entry) => entry.kind === kind).length,
    stopsAll: (kind) => COUNTED_FROM_END[kind] ?? false,
    causeBetween: (from, until) =>
      entries.find(
        (entry) =>
          CAUSES[entry.kind] && entry.from <= until && entry.until + SLACK_MS >= from - SLACK_MS,
      )?.kind,
    starved(from, until) {
      entries.push({ kind: 'starved', from, until: until + STARVED_SLACK_MS })
      starvedMs += until - from
    },
    starvedMs: () => starvedMs,
    wasFrozen: (from, until) =>
      entries.some(
        (entry) => entry.kind === 'freeze work' && entry.from <= until && entry.until >= from,
      ),
    wasDisturbed: (kind, from, until) =>
      entries.some(
        (entry) =>
          entry.kind !== kind &&
          !HARMLESS[entry.kind as HarmKind] &&
          entry.from <= until &&
          entry.until >= from - DISTURBED_MS,
      ),
    arrived(serial, target) {
      if (open.length === 0) return
      for (const recovery of open) {
        if (serial < recovery.serial) continue
        recovery.missing.delete(target)
        if (recovery.missing.size > 0) continue
        const times = recovered.get(recovery.kind) ?? []
        times.push({ ms: Date.now() - recovery.from, isAlone: recovery.isAlone })
        recovered.set(recovery.kind, times)
      }
      open = open.filter(({ missing }) => missing.size > 0)
    },
    recoveries: () => recovered,
    text: () => entries.map(lineOf).join('\n'),
  }
}

function lineOf({ kind, from, until }: Entry): string {
  const end = until === Number.MAX_SAFE_INTEGER ? 'for good' : `for ${until - from} ms`
  return `${new Date(from).toISOString()} ${kind} ${end}`
}

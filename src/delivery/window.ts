// The sliding window of one consumer: events read from the log and not yet settled. At most one
// event of an entity is in flight. So an entity's events leave in order, and a slow answer holds
// back its own entity only. Pure: no time, no database, no network.

import { entityOf, type LoggedEvent } from '../log/event.ts'

export type Window = {
  /** Adds events in the order of the log. */
  push(events: LoggedEvent[]): void
  /** The oldest event whose entity has none in flight; from now on it is in flight. */
  next(): LoggedEvent | undefined
  /** Settles an event in flight for good (delivered, or kept as rejected). */
  settle(event: LoggedEvent): void
  /** Takes an event back from flight: it is the next of its entity again. */
  giveBack(event: LoggedEvent): void
  /** Unsettled positions, oldest first, in flight or not. */
  unresolved(): number[]
  /** How many events next() can offer. */
  readonly ready: number
  readonly size: number
  readonly bytes: number
  readonly inFlight: number
}

/** An entity's events, oldest first; the first one is ready or in flight. */
type Lane = { key: string; events: LoggedEvent[] }

export function createWindow(): Window {
  // A Map keeps the order of insertion, which is the order of the log.
  const unsettled = new Map<number, Lane>()
  const lanes = new Map<string, Lane>()
  /** The first events of lanes that have none in flight, oldest first. */
  const ready: LoggedEvent[] = []
  let bytes = 0
  let inFlight = 0

  return {
    push(events) {
      for (const event of events) {
        const key = laneOf(event)
        let lane = lanes.get(key)
        if (lane) lane.events.push(event)
        else {
          lane = { key, events: [event] }
          lanes.set(key, lane)
          ready.push(event)
        }
        unsettled.set(event.position, lane)
        bytes += event.payload.length
      }
    },
    next() {
      const event = ready.shift()
      if (event) inFlight++
      return event
    },
    settle(event) {
      inFlight--
      const lane = unsettled.get(event.position) as Lane
      unsettled.delete(event.position)
      bytes -= event.payload.length
      lane.events.shift()
      const [first] = lane.events
      if (first) insert(ready, first)
      else lanes.delete(lane.key)
    },
    giveBack(event) {
      inFlight--
      insert(ready, event)
    },
    unresolved: () => [...unsettled.keys()],
    get ready() {
      return ready.length
    },
    get size() {
      return unsettled.size
    },
    get bytes() {
      return bytes
    },
    get inFlight() {
      return inFlight
    },
  }
}

/** Keeps `ready` sorted, so that with one in flight at a time the whole stream leaves in order. */
function insert(ready: LoggedEvent[], event: LoggedEvent): void {
  let low = 0
  let high = ready.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ready[middle] as LoggedEvent).position < event.position) low = middle + 1
    else high = middle
  }
  ready.splice(low, 0, event)
}

function laneOf(event: LoggedEvent): string {
  return `${entityOf(event.name)}\n${event.entityId}`
}

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
  /** Positions that are not settled, oldest first, in flight or not. */
  unresolved(): number[]
  /** How many events next() can offer. */
  readonly ready: number
  readonly size: number
  readonly bytes: number
  readonly inFlight: number
}

/** An entity's events, oldest first; the first one is ready or in flight. */
type Line = { key: string; events: LoggedEvent[] }

export function createWindow(): Window {
  // A Map keeps the order of insertion, which is the order of the log.
  const unresolved = new Map<number, Line>()
  const lines = new Map<string, Line>()
  /** The first events of lines that have none in flight, oldest first. */
  const ready: LoggedEvent[] = []
  let bytes = 0
  let inFlight = 0

  return {
    push(events) {
      for (const event of events) {
        const key = keyOf(event)
        let line = lines.get(key)
        if (line) line.events.push(event)
        else {
          line = { key, events: [event] }
          lines.set(key, line)
          ready.push(event)
        }
        unresolved.set(event.position, line)
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
      const line = unresolved.get(event.position) as Line
      unresolved.delete(event.position)
      bytes -= event.payload.length
      line.events.shift()
      const [first] = line.events
      if (first) insert(ready, first)
      else lines.delete(line.key)
    },
    giveBack(event) {
      inFlight--
      insert(ready, event)
    },
    unresolved: () => [...unresolved.keys()],
    get ready() {
      return ready.length
    },
    get size() {
      return unresolved.size
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

function keyOf(event: LoggedEvent): string {
  return `${entityOf(event.name)}\n${event.entityId}`
}

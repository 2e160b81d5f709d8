// The lines of a queue, in the order of their turns: one for each tenant, and another for its bulk
// items. Their length and bytes bound the queue (fair-queue.ts).

import type { NewEvent } from './event.ts'
import { queuedBytes, queuedEvents } from './metrics.ts'

/** A queued item; the caller adds the fields for its answer. */
export type Item = {
  tenant: string
  /** At least one; a batch takes all of them, or none. */
  events: NewEvent[]
  /** Of their payloads. */
  bytes: number
  /** Part of a bulk body. */
  isBulk: boolean
}

/** `length`: of its events. */
export type Line<T> = { key: string; tenant: string; waiting: T[]; length: number; bytes: number }

export type Lines<T extends Item> = {
  /** The events of all lines, and the bytes of their payloads. */
  readonly length: number
  readonly bytes: number
  /** In the order of their turns; none is empty. */
  all(): Line<T>[]
  /** The first line that `isFree`. */
  first(isFree: (line: Line<T>) => boolean): Line<T> | undefined
  isOnly(line: Line<T>): boolean
  /** Puts an item at the end of its line. */
  add(item: T): void
  /** Puts items of one line back, at its beginning. */
  putBack(items: T[]): void
  /** Takes the first items of a line; then its next turn comes after the others'. */
  take(line: Line<T>, count: number): T[]
  /** Takes the last item of a line. */
  dropLast(line: Line<T>): T
}

/** Which line an item waits in. */
export const lineKeyOf = ({ tenant, isBulk }: Item) => (isBulk ? `${tenant} bulk` : tenant)

export function createLines<T extends Item>(): Lines<T> {
  const lines = new Map<string, Line<T>>()
  let length = 0
  let bytes = 0

  return {
    get length() {
      return length
    },
    get bytes() {
      return bytes
    },
    all: () => [...lines.values()],
    first(isFree) {
      for (const line of lines.values()) if (isFree(line)) return line
      return undefined
    },
    isOnly: ({ key }) => lines.size === 1 && lines.has(key),
    add(item) {
      const line = lineOf(item)
      line.waiting.push(item)
      count(line, item, 1)
    },
    putBack(items) {
      const line = lineOf(items[0] as T)
      line.waiting = [...items, ...line.waiting]
      for (const item of items) count(line, item, 1)
    },
    take(line, taken) {
      if (taken === 0) return []
      const batch = line.waiting.slice(0, taken)
      line.waiting = line.waiting.slice(taken)
      for (const item of batch) count(line, item, -1)
      lines.delete(line.key)
      if (line.waiting.length > 0) lines.set(line.key, line)
      return batch
    },
    dropLast(line) {
      const dropped = line.waiting.pop() as T
      count(line, dropped, -1)
      if (line.waiting.length === 0) lines.delete(line.key)
      return dropped
    },
  }

  function lineOf(item: T): Line<T> {
    const key = lineKeyOf(item)
    const known = lines.get(key)
    if (known) return known
    const line = { key, tenant: item.tenant, waiting: [], length: 0, bytes: 0 }
    lines.set(key, line)
    return line
  }

  function count(line: Line<T>, item: T, sign: 1 | -1): void {
    const events = sign * item.events.length
    const itsBytes = sign * item.bytes
    length += events
    bytes += itsBytes
    queuedEvents.add(events)
    queuedBytes.add(itsBytes)
    line.length += events
    line.bytes += itsBytes
  }
}

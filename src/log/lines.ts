// The lines of a queue, one for each tenant, in the order of their turns. Their length and bytes
// bound the queue (fair-queue.ts).

import type { NewEvent } from './event.ts'

/** A queued item; the caller adds the fields for its answer. */
export type Item = { event: NewEvent }

export type Line<T> = { tenant: string; waiting: T[]; bytes: number }

export type Lines<T extends Item> = {
  /** Items of all lines, and the bytes of their payloads. */
  readonly length: number
  readonly bytes: number
  /** In the order of their turns; none is empty. */
  all(): Line<T>[]
  /** The first line that `isFree`. */
  first(isFree: (line: Line<T>) => boolean): Line<T> | undefined
  isOnly(line: Line<T>): boolean
  /** Puts an item at the end of its tenant's line. */
  add(item: T): void
  /** Puts items back, at the beginning of their tenant's line. */
  putBack(tenant: string, items: T[]): void
  /** Takes the first items of a line; then its next turn comes after the others'. */
  take(line: Line<T>, count: number): T[]
  /** Takes the last item of a line. */
  dropLast(line: Line<T>): T
}

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
    isOnly: ({ tenant }) => lines.size === 1 && lines.has(tenant),
    add(item) {
      const { tenant } = item.event
      let line = lines.get(tenant)
      if (!line) {
        line = { tenant, waiting: [], bytes: 0 }
        lines.set(tenant, line)
      }
      line.waiting.push(item)
      count(line, item, 1)
    },
    putBack(tenant, items) {
      const after = lines.get(tenant)?.waiting ?? []
      const line = { tenant, waiting: [...items, ...after], bytes: lines.get(tenant)?.bytes ?? 0 }
      lines.set(tenant, line)
      for (const item of items) count(line, item, 1)
    },
    take(line, taken) {
      if (taken === 0) return []
      const batch = line.waiting.slice(0, taken)
      line.waiting = line.waiting.slice(taken)
      for (const item of batch) count(line, item, -1)
      lines.delete(line.tenant)
      if (line.waiting.length > 0) lines.set(line.tenant, line)
      return batch
    },
    dropLast(line) {
      const dropped = line.waiting.pop() as T
      count(line, dropped, -1)
      if (line.waiting.length === 0) lines.delete(line.tenant)
      return dropped
    },
  }

  function count(line: Line<T>, { event }: T, sign: 1 | -1): void {
    length += sign
    bytes += sign * event.payload.length
    line.bytes += sign * event.payload.length
  }
}

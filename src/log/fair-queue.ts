// The queue for appends: a line for each tenant. A batch takes one event of each line in turn
// (round robin), so that nobody waits behind another tenant's events. Three kinds of line get
// batches of their own: a line of bulk items, a line whose next event is large, since both would
// hold up the others in their batch, and a line of a tenant whose last batch Postgres refused.
// While others publish, such a line has at most one batch in flight, and then rests for as long as
// it took: half of the time is theirs. Small events of a resting tenant go on in turn.

import { limits } from '../config.ts'
import { type Apart, createApart } from './apart.ts'
import { createLines, type Item, type Line, type Lines, lineKeyOf } from './lines.ts'
import { countBatch } from './metrics.ts'
import type { Pacing } from './pacing.ts'

type FairQueue<T extends Item> = {
  /** The events that wait. */
  readonly length: number
  /**
   * Adds an item to the end of its tenant's line. If the queue is full, the tenant with the largest
   * share loses its last item, perhaps this one. Returns the dropped item.
   */
  push(item: T): T | undefined
  /**
   * Takes the next batch; the lines keep their order. Empty if nothing waits, or if all waiting
   * tenants rest.
   */
  next(): T[]
  /** Reports how long a batch took, whatever its outcome. */
  tookMs(batch: T[], ms: number): void
  /** Reports a stored batch: its tenant's limit for batches of its own doubles. */
  accepted(batch: T[]): void
  /**
   * Puts back a batch that Postgres refused. Each tenant is set apart from the others, with at most
   * half as many events at once, so that a bad event is soon alone. An item that was alone is not
   * put back.
   */
  refused(batch: T[]): void
}

/** An empty queue, bounded by limits.queueEvents and limits.queueBytes. */
export function createFairQueue<T extends Item>(pacing: Pacing): FairQueue<T> {
  const lines = createLines<T>()
  const apart = createApart()
  /** Batches of lines set apart, until they come back. */
  const underWay = new Set<T[]>()

  return {
    get length() {
      return lines.length
    },
    push(item) {
      const dropped = isFull(lines) ? makeRoom(lines, lineKeyOf(item)) : undefined
      if (dropped === 'none') return item
      lines.add(item)
      return dropped
    },
    next() {
      const line = lines.first((line) => !mustWait(line))
      if (!line) return []
      const mostBytes = lines.isOnly(line) ? limits.batchBytes : limits.apartBytes
      if (isApart(apart, line)) {
        const batch = takeFrom(lines, line, mostOf(line), mostBytes)
        underWay.add(batch)
        return batch
      }
      const batch = lines.isOnly(line)
        ? takeFrom(lines, line, limits.batchEvents, mostBytes)
        : takeInTurn(lines, apart)
      // Two of them suffice to say for any tenant whether others publish.
      for (const { tenant } of batch.slice(0, 2)) pacing.published(tenant)
      return batch
    },
    tookMs(batch, ms) {
      countBatch(eventsIn(batch), ms)
      const { tenant } = batch[0] as T
      if (underWay.delete(batch) && pacing.othersPublish(tenant, ms)) pacing.rest(tenant, ms)
    },
    accepted(batch) {
      apart.raise((batch[0] as T).tenant)
    },
    refused(batch) {
      const byLine = Map.groupBy(batch, lineKeyOf)
      const half = Math.ceil((byLine.size === 1 ? eventsIn(batch) : limits.batchEvents) / 2)
      for (const items of byLine.values()) {
        apart.set((items[0] as T).tenant, half)
        if (batch.length > 1) lines.putBack(items)
      }
    },
  }

  function mostOf(line: Line<T>): number {
    const most = apart.mostOf(line.tenant)
    const isBeside = line.waiting[0]?.isBulk && !lines.isOnly(line)
    return isBeside ? Math.min(most, limits.bulkEventsBesideOthers) : most
  }

  function mustWait(line: Line<T>): boolean {
    if (!isApart(apart, line)) return false
    return pacing.rests(line.tenant) || (isUnderWay(line) && pacing.othersPublish(line.tenant))
  }

  function isUnderWay({ key }: Line<T>): boolean {
    for (const [first] of underWay) if (first && lineKeyOf(first) === key) return true
    return false
  }
}

function isApart<T extends Item>(apart: Apart, { tenant, waiting }: Line<T>): boolean {
  const { isBulk, bytes } = waiting[0] as T
  return isBulk || bytes > limits.apartBytes || apart.has(tenant)
}

/** How many events a batch has. */
export function eventsIn(batch: Item[]): number {
  return batch.reduce((sum, { events }) => sum + events.length, 0)
}

function isFull({ length, bytes }: Lines<Item>): boolean {
  return length >= limits.queueEvents || bytes >= limits.queueBytes
}

/** Drops the last item of the longest line; 'none' if that is the line with this key. */
function makeRoom<T extends Item>(lines: Lines<T>, key: string): T | 'none' {
  const partOf = (line: Line<T>) =>
    line.length / limits.queueEvents + line.bytes / limits.queueBytes
  const longest = lines.all().reduce((most, line) => (partOf(line) > partOf(most) ? line : most))
  return longest.key === key ? 'none' : lines.dropLast(longest)
}

/** Takes one event of each line that is not apart, again and again while they fit. */
function takeInTurn<T extends Item>(lines: Lines<T>, apart: Apart): T[] {
  const batch: T[] = []
  let size = 0
  let taking = lines.all().filter((line) => !isApart(apart, line))
  for (let round = 0; taking.length > 0; round++) {
    taking = taking.filter((line) => {
      const item = line.waiting[round]
      const itsBytes = item?.bytes ?? Infinity
      const fits = itsBytes <= limits.apartBytes && size + itsBytes <= limits.batchBytes
      if (!item || !fits || batch.length === limits.batchEvents) {
        lines.take(line, round) // It gave one in each earlier round.
        return false
      }
      size += itsBytes
      batch.push(item)
      return true
    })
  }
  return batch
}

function takeFrom<T extends Item>(
  lines: Lines<T>,
  line: Line<T>,
  mostEvents: number,
  mostBytes: number,
): T[] {
  let taken = 0
  let length = 0
  let size = 0
  for (const { events, bytes } of line.waiting) {
    length += events.length
    size += bytes
    if (taken > 0 && (length > mostEvents || size > mostBytes)) break
    taken++
  }
  return lines.take(line, taken)
}

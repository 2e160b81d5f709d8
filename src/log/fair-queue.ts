// The queue for appends: a line for each tenant. A batch takes one event of each line in turn
// (round robin), so that nobody waits behind another tenant's events. Two kinds of line get batches
// of their own: a line whose next event is large, since it would hold up the others in its batch,
// and a line of a tenant whose last batch Postgres refused. While others publish, such a line has
// at most one batch in flight, and then rests for as long as it took: half of the time is theirs.
// Small events of a resting tenant go on in turn.

import { limits } from '../config.ts'
import type { NewEvent } from './event.ts'
import type { Pacing } from './pacing.ts'

/** A queued item; the caller adds the fields for its answer. */
type Item = { event: NewEvent }

/** The most tenants with a refused batch to remember. */
const MOST_APART = 1_000

type Line<T> = { tenant: string; waiting: T[]; bytes: number }

type FairQueue<T extends Item> = {
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
   * half as many events at once, so that a bad event is soon alone. An event that was alone is not
   * put back.
   */
  refused(batch: T[]): void
}

/** An empty queue, bounded by limits.queueEvents and limits.queueBytes. */
export function createFairQueue<T extends Item>(pacing: Pacing): FairQueue<T> {
  /** In the order of their turns; none is empty. */
  const lines = new Map<string, Line<T>>()
  /** The limit of events per batch, for tenants with a refused batch. */
  const apart = new Map<string, number>()
  /** Batches of lines set apart, until they come back. */
  const underWay = new Set<T[]>()
  let length = 0
  let bytes = 0

  return {
    get length() {
      return length
    },
    push(item) {
      const dropped = isFull() ? makeRoom(item.event.tenant) : undefined
      if (dropped === 'none') return item
      add(item)
      return dropped
    },
    next() {
      let first: Line<T> | undefined
      for (const line of lines.values()) {
        if (mustWait(line)) continue
        first = line
        break
      }
      if (!first) return []
      const isAlone = lines.size === 1
      if (!isApart(first))
        return inTurn(
          isAlone ? takeFrom(first, limits.batchEvents, limits.batchBytes) : takeInTurn(),
        )
      const most = apart.get(first.tenant) ?? limits.batchEvents
      const batch = takeFrom(first, most, isAlone ? limits.batchBytes : limits.apartBytes)
      underWay.add(batch)
      return batch
    },
    tookMs(batch, ms) {
      const { tenant } = (batch[0] as T).event
      if (underWay.delete(batch) && pacing.othersPublish(tenant, ms)) pacing.rest(tenant, ms)
    },
    accepted(batch) {
      if (apart.size === 0) return
      const { tenant } = (batch[0] as T).event
      const most = apart.get(tenant)
      if (most === undefined) return
      if (most * 2 >= limits.batchEvents) apart.delete(tenant)
      else apart.set(tenant, most * 2)
    },
    refused(batch) {
      const byTenant = Map.groupBy(batch, ({ event }) => event.tenant)
      const half = Math.ceil((byTenant.size === 1 ? batch.length : limits.batchEvents) / 2)
      for (const [tenant, items] of byTenant) {
        setApart(tenant, half)
        if (batch.length > 1) putBack(tenant, items)
      }
    },
  }

  function isFull(): boolean {
    return length >= limits.queueEvents || bytes >= limits.queueBytes
  }

  function mustWait(line: Line<T>): boolean {
    if (!isApart(line)) return false
    return pacing.rests(line.tenant) || (isUnderWay(line) && pacing.othersPublish(line.tenant))
  }

  function isUnderWay({ tenant }: Line<T>): boolean {
    for (const batch of underWay) if (batch[0]?.event.tenant === tenant) return true
    return false
  }

  /** The latest is last; beyond the limit the oldest one is forgotten. */
  function setApart(tenant: string, most: number): void {
    apart.delete(tenant)
    apart.set(tenant, most)
    if (apart.size > MOST_APART) apart.delete(apart.keys().next().value as string)
  }

  function isApart(line: Line<T>): boolean {
    return (line.waiting[0] as T).event.payload.length > limits.apartBytes || apart.has(line.tenant)
  }

  /** Drops the last item of the longest line; 'none' if that is the line of this tenant. */
  function makeRoom(tenant: string): T | 'none' {
    const partOf = (line: Line<T>) =>
      line.waiting.length / limits.queueEvents + line.bytes / limits.queueBytes
    let longest = lines.values().next().value as Line<T>
    for (const line of lines.values()) if (partOf(line) > partOf(longest)) longest = line
    if (longest.tenant === tenant) return 'none'
    const dropped = longest.waiting.pop() as T
    count(longest, dropped, -1)
    if (longest.waiting.length === 0) lines.delete(longest.tenant)
    return dropped
  }

  function add(item: T): void {
    const { tenant } = item.event
    let line = lines.get(tenant)
    if (!line) {
      line = { tenant, waiting: [], bytes: 0 }
      lines.set(tenant, line)
    }
    line.waiting.push(item)
    count(line, item, 1)
  }

  function putBack(tenant: string, items: T[]): void {
    const after = lines.get(tenant)?.waiting ?? []
    const line = { tenant, waiting: [...items, ...after], bytes: lines.get(tenant)?.bytes ?? 0 }
    lines.set(tenant, line)
    for (const item of items) count(line, item, 1)
  }

  function count(line: Line<T>, { event }: T, sign: 1 | -1): void {
    length += sign
    bytes += sign * event.payload.length
    line.bytes += sign * event.payload.length
  }

  /**
   * Notes two tenants of a mixed batch: two suffice to say for any tenant whether others publish.
   */
  function inTurn(batch: T[]): T[] {
    for (const item of batch.slice(0, 2)) pacing.tookTurn(item.event.tenant)
    return batch
  }

  /** Takes one event of each line that is not apart, again and again while they fit. */
  function takeInTurn(): T[] {
    const batch: T[] = []
    let size = 0
    let taking = [...lines.values()].filter((line) => !isApart(line))
    for (let turn = 0; taking.length > 0; turn++) {
      taking = taking.filter((line) => {
        const item = line.waiting[turn]
        const itsBytes = item?.event.payload.length ?? Infinity
        const fits = itsBytes <= limits.apartBytes && size + itsBytes <= limits.batchBytes
        if (!item || !fits || batch.length === limits.batchEvents) {
          shift(line, turn) // It gave one in each earlier turn.
          return false
        }
        size += itsBytes
        batch.push(item)
        return true
      })
    }
    return batch
  }

  function takeFrom(line: Line<T>, mostEvents: number, mostBytes: number): T[] {
    let taken = 0
    let size = 0
    for (const { event } of line.waiting) {
      size += event.payload.length
      if (taken === mostEvents || (taken > 0 && size > mostBytes)) break
      taken++
    }
    return shift(line, taken)
  }

  /** Takes the first items of a line; then its next turn comes after the others'. */
  function shift(line: Line<T>, taken: number): T[] {
    if (taken === 0) return []
    const batch = line.waiting.slice(0, taken)
    line.waiting = line.waiting.slice(taken)
    for (const item of batch) count(line, item, -1)
    lines.delete(line.tenant)
    if (line.waiting.length > 0) lines.set(line.tenant, line)
    return batch
  }
}

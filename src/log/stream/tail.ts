// The tail of a tenant's log: its newest events in memory, read once for all who follow them. A
// follower before its beginning reads pages of its own (catch-up.ts).

import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../../db/pool.ts'
import type { Logger } from '../../logger.ts'
import type { Hub } from '../hub.ts'
import type { ShownEvent } from '../shown.ts'
import { readLastPosition, readShownPage } from '../shown-page.ts'
import { frameOf } from './frame.ts'

/** The bytes of a tail, and of all tails of a process; with many of them each has its share. */
const TAIL_BYTES = 2 * 1024 * 1024
const TAILS_BYTES = 64 * 1024 * 1024
const PAGE_EVENTS = 500
/** The frame of an event with a small payload. */
const SMALL_EVENT_BYTES = 1_024
/** Between two looks that nothing has caused. */
const LONG_MS = 60_000
/** After a read that failed. */
const PAUSE_MS = 1_000

/** An event of a tail: the fields that filters test, and its frame, which all followers share. */
export type TailEvent = Pick<ShownEvent, 'position' | 'name' | 'entityId' | 'correlationIds'> & {
  frame: Buffer
}

export type Tail = {
  /** The tail has every event after this position, up to `through`; imported ones are not sent. */
  readonly base: number
  /** Everything up to here was read. */
  readonly through: number
  /** At most `most` events after a position, which is not before `base`. */
  after(position: number, most: number): TailEvent[]
  /**
   * Resolves when `through` is above `position`, at the latest after `ms` or when `signal` is
   * aborted. It may resolve early.
   */
  grown(position: number, ms: number, signal: AbortSignal): Promise<void>
}

type Services = { db: Db; hub: Hub; logger: Logger }
type Opened = { tail: Promise<OwnTail>; followers: number }
type OwnTail = Tail & { close(): void }

export type Tails = {
  /** Rejects if the log cannot be read. `release` is called once. */
  open(tenant: string): Promise<{ tail: Tail; release(): void }>
}

/** The tails of a process. */
export function createTails(services: Services): Tails {
  const tails = new Map<string, Opened>()
  const shareBytes = () => Math.min(TAIL_BYTES, Math.floor(TAILS_BYTES / tails.size))

  return {
    async open(tenant) {
      const opened = tails.get(tenant) ?? {
        tail: openTail(services, tenant, shareBytes),
        followers: 0,
      }
      tails.set(tenant, opened)
      opened.followers++
      const release = () => {
        if (--opened.followers > 0) return
        if (tails.get(tenant) === opened) tails.delete(tenant)
        void opened.tail.then((tail) => tail.close())
      }
      try {
        return { tail: await opened.tail, release }
      } catch (error) {
        // The next follower tries again.
        if (tails.get(tenant) === opened) tails.delete(tenant)
        throw error
      }
    },
  }
}

/** Follows a tenant's log from its present end on. */
async function openTail(
  { db, hub, logger }: Services,
  tenant: string,
  shareBytes: () => number,
): Promise<OwnTail> {
  const watch = hub.watch(tenant)
  const start = await readLastPosition(db, tenant).catch((error) => {
    watch.close()
    throw error
  })
  const ring = createRing(start)
  const waiting = new Set<() => void>()
  const abort = new AbortController()
  void readOn()

  return {
    get base() {
      return ring.base
    },
    get through() {
      return ring.through
    },
    after: ring.after,
    async grown(position, ms, signal) {
      if (ring.through <= position && !signal.aborted) await wait(ms, signal)
    },
    close() {
      abort.abort()
      watch.close()
    },
  }

  function wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(end, ms)
      signal.addEventListener('abort', end, { once: true })
      waiting.add(end)
      function end(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        waiting.delete(end)
        resolve()
      }
    })
  }

  async function readOn(): Promise<void> {
    // The first read finds little: it makes the plan, so that the first event need not wait for it.
    while (!abort.signal.aborted) {
      await readAll().catch(async (error: Error) => {
        logger.debug({ reason: error.message }, 'followers wait: the log cannot be read')
        hub.moved(tenant)
        await sleep(PAUSE_MS)
      })
      await watch.moved(LONG_MS, abort.signal)
    }
  }

  async function readAll(): Promise<void> {
    for (let isLast = false; !isLast && !abort.signal.aborted; ) {
      const maxBytes = Math.ceil(shareBytes() / 2)
      const maxEvents = Math.min(PAGE_EVENTS, Math.ceil(maxBytes / SMALL_EVENT_BYTES))
      const page = await readShownPage(db, { tenant, after: ring.through, maxEvents, maxBytes })
      isLast = page.isLast
      if (page.rows.length === 0) continue
      ring.push(page.rows, shareBytes())
      for (const end of [...waiting]) end()
    }
  }
}

/** The newest events, in order, up to a number of bytes. */
function createRing(start: number) {
  let base = start
  let through = start
  let bytes = 0
  let events: TailEvent[] = []

  return {
    get base() {
      return base
    },
    get through() {
      return through
    },
    after(position: number, most: number): TailEvent[] {
      const from = firstAfter(position)
      return events.slice(from, from + most)
    },
    push(rows: ShownEvent[], mostBytes: number): void {
      for (const row of rows) {
        const { position, name, entityId, correlationIds } = row
        through = position
        if (!row.live) continue
        const frame = frameOf(row)
        events.push({ position, name, entityId, correlationIds, frame })
        bytes += frame.length
      }
      evict(mostBytes)
    },
  }

  function evict(mostBytes: number): void {
    let dropped = 0
    for (; bytes > mostBytes && dropped < events.length; dropped++) {
      const { position, frame } = events[dropped] as TailEvent
      bytes -= frame.length
      base = position
    }
    if (dropped > 0) events = events.slice(dropped)
  }

  /** The index of the first event after a position, by bisection. */
  function firstAfter(position: number): number {
    let [low, high] = [0, events.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((events[middle] as TailEvent).position <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}

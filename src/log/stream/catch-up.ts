// Followers that are behind the tail read pages of their own, a few at a time, and no tenant all of
// them at once. With a filter a page is a search: nobody reads a month for one order.

import type { Database, Db } from '../../db/pool.ts'
import { isAlert } from '../alert.ts'
import type { SearchFilter } from '../filter.ts'
import { END_OF_LOG } from '../position.ts'
import { readShown, search } from '../search/search.ts'
import type { ShownEvent } from '../shown.ts'
import { readShownPage } from '../shown-page.ts'

/** Reads at once in a process, and of one tenant. */
const MOST = 16
const MOST_OF_TENANT = 4
const PAGE_EVENTS = 500
const PAGE_BYTES = 64 * 1024

type Waiting = { tenant: string; enter(): void }

type Wanted = { tenant: string; filter: SearchFilter; after: number }

type Page = {
  rows: ShownEvent[]
  /** It has all events that pass up to here. */
  through: number
  /** When it was read, the log had no more that pass. */
  isLast: boolean
}

export type CatchUp = {
  /**
   * The next page after a position; undefined if `signal` is aborted before. `leave` lets the next
   * reader in; called again it does nothing.
   */
  read(wanted: Wanted, signal: AbortSignal): Promise<(Page & { leave(): void }) | undefined>
}

/** `until`: the database, until a signal is aborted. */
export function createCatchUp(until: Database['until']): CatchUp {
  const semaphore = createTenantSemaphore()
  return {
    async read(wanted, signal) {
      const leave = await semaphore.enter(wanted.tenant, signal)
      if (!leave) return undefined
      try {
        const db = until(signal)
        const page = await (isOpen(wanted.filter) ? readNext : searchNext)(db, wanted)
        return { ...page, leave }
      } catch (error) {
        leave()
        if (signal.aborted) return undefined
        throw error
      }
    },
  }
}

/**
 * Each follower that is behind waits once at most. `enter` resolves with the function to leave;
 * called again it does nothing.
 */
function createTenantSemaphore() {
  const waiting = new Set<Waiting>()
  const inside = new Map<string, number>()
  let all = 0

  return {
    async enter(tenant: string, signal: AbortSignal): Promise<(() => void) | undefined> {
      if (signal.aborted) return undefined
      if (hasRoom(tenant)) count(tenant, 1)
      else if (!(await isNext(tenant, signal))) return undefined
      let isIn = true
      return () => {
        if (isIn) leave(tenant)
        isIn = false
      }
    },
  }

  function hasRoom(tenant: string): boolean {
    return all < MOST && (inside.get(tenant) ?? 0) < MOST_OF_TENANT
  }

  function count(tenant: string, by: 1 | -1): void {
    all += by
    const now = (inside.get(tenant) ?? 0) + by
    if (now > 0) inside.set(tenant, now)
    else inside.delete(tenant)
  }

  function isNext(tenant: string, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const giveUp = () => {
        waiting.delete(one)
        resolve(false)
      }
      const one: Waiting = {
        tenant,
        enter() {
          waiting.delete(one)
          signal.removeEventListener('abort', giveUp)
          count(tenant, 1)
          resolve(true)
        },
      }
      waiting.add(one)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** The first in line whose tenant has room is next. */
  function leave(tenant: string): void {
    count(tenant, -1)
    for (const one of waiting) {
      if (!hasRoom(one.tenant)) continue
      one.enter()
      return
    }
  }
}

/** Whether a filter takes every event except alerts. */
function isOpen({ names, entities, ...ids }: SearchFilter): boolean {
  return names.length + entities.length === 0 && Object.values(ids).every((id) => id === undefined)
}

async function readNext(db: Db, { tenant, after }: Wanted): Promise<Page> {
  const range = { tenant, after, maxEvents: PAGE_EVENTS, maxBytes: PAGE_BYTES }
  const { rows, isLast } = await readShownPage(db, range)
  const taken = rows.filter((row) => isLive(row) && !isAlert(row.name))
  return { rows: taken, isLast, through: rows.at(-1)?.position ?? after }
}

/** An import floods nobody. */
const isLive = ({ live }: ShownEvent) => live

async function searchNext(db: Db, wanted: Wanted): Promise<Page> {
  const { tenant, filter, after } = wanted
  const range = { tenant, after, before: END_OF_LOG, descending: false }
  const asked = { range, filter, limit: PAGE_EVENTS }
  const { found, next, through } = await search(db, asked)
  let bytes = 0
  const positions: number[] = []
  for (const event of found) {
    if (bytes >= PAGE_BYTES) break
    positions.push(event.position)
    bytes += event.bytes
  }
  const rows = (await readShown(db, tenant, positions)).filter(isLive)
  if (positions.length < found.length) {
    return { rows, through: positions.at(-1) ?? after, isLast: false }
  }
  return { rows, through, isLast: next === null }
}

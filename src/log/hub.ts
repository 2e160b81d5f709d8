// The hub wakes requests that wait for events of a tenant: at once for appends of this process, by
// NOTIFY for those of others, on one connection for all requests. Notifications only save time: a
// new connection wakes everybody, and a sweep finds what no NOTIFY reported (the SQL function).

import { channels, type Listener, listen } from '../db/listen.ts'
import type { Database } from '../db/pool.ts'
import type { Logger } from '../logger.ts'
import { repeat } from '../repeat.ts'

/** Its holder is a process in which somebody waits. */
const WAITING_LOCK = 1_296_651_863
/** After this many sweeps without anybody who waits the connection is closed. */
const IDLE_SWEEPS = 30

/**
 * SQL: whether nobody waits for events of any tenant, in any process. The lock that proves it ends
 * with the transaction. Two that ask at once may both hear that somebody does.
 */
export const NOBODY_WAITS = `(select pg_try_advisory_xact_lock(${WAITING_LOCK}))`

/**
 * The last event of each watched tenant after a position, if there is one. $1: tenants, $2:
 * positions.
 */
const MOVED = `
  /* prepared: moved_tenants */
  select watched.tenant, latest.position
  from unnest($1::text[], $2::bigint[]) as watched (tenant, after)
  cross join lateral (
    select event.position
    from event
    where event.tenant = watched.tenant and event.position > watched.after
    order by event.position desc
    limit 1
  ) as latest`

/** A request that waits for a tenant's events. Start it before reading: then no event is missed. */
type Watch = {
  /**
   * Resolves with true if the log may have moved since the watch began, or since the last call
   * resolved; with false after `ms`, or if `signal` is aborted. One call at a time.
   */
  moved(ms: number, signal?: AbortSignal): Promise<boolean>
  close(): void
}

export type Hub = {
  watch(tenant: string): Watch
  /** This process has appended events of a tenant. */
  moved(tenant: string): void
  close(): Promise<void>
}

/** `seen`: the last position that a sweep has found. */
type Watched = { seen: number; raises: Set<() => void> }

/** The hub of a process. It connects with the first watch, and sweeps every `sweepMs`. */
export function createHub(options: {
  url: string
  database: Database
  sweepMs: number
  logger: Logger
}): Hub {
  const { database, sweepMs, logger } = options
  const tenants = new Map<string, Watched>()
  const connection = createConnection({ ...options, moved, allMoved })
  let idleSweeps = 0
  const sweeping = repeat('the sweep for followers', sweepMs, logger, sweep)

  return {
    watch(tenant) {
      const watched = tenants.get(tenant) ?? { seen: 0, raises: new Set() }
      tenants.set(tenant, watched)
      idleSweeps = 0
      connection.open()
      return createWatch(watched.raises, () => {
        if (watched.raises.size === 0 && tenants.get(tenant) === watched) tenants.delete(tenant)
      })
    },
    moved,
    async close() {
      await sweeping.stop()
      await connection.close()
    },
  }

  function moved(tenant: string): void {
    for (const raise of tenants.get(tenant)?.raises ?? []) raise()
  }

  function allMoved(): void {
    for (const tenant of tenants.keys()) moved(tenant)
  }

  async function sweep(): Promise<void> {
    if (tenants.size === 0) {
      if (++idleSweeps >= IDLE_SWEEPS) await connection.close()
      return
    }
    connection.open()
    const names = [...tenants.keys()]
    const after = names.map((name) => tenants.get(name)?.seen ?? 0)
    const { rows } = await database.pool.query<{ tenant: string; position: number }>(MOVED, [
      names,
      after,
    ])
    for (const { tenant, position } of rows) {
      const watched = tenants.get(tenant)
      if (!watched) continue
      watched.seen = position
      moved(tenant)
    }
  }
}

/** The connection that listens. `open` does nothing if it is open, or being opened. */
function createConnection(options: {
  url: string
  logger: Logger
  moved(tenant: string): void
  allMoved(): void
}): { open(): void; close(): Promise<void> } {
  const { url, logger, moved, allMoved } = options
  let listener: Promise<Listener> | undefined

  return {
    open() {
      if (listener) return
      const opening = listen(url, logger, `select pg_advisory_lock_shared(${WAITING_LOCK})`)
      listener = opening
      opening.then(
        (opened) => {
          opened.on(channels.wake, moved)
          opened.onReconnect(allMoved)
          allMoved()
        },
        (error: Error) => {
          // The next sweep tries again.
          if (listener === opening) listener = undefined
          logger.warn({ reason: error.message }, 'not listening for events yet')
        },
      )
    },
    async close() {
      const open = listener
      listener = undefined
      await open?.then((opened) => opened.close()).catch(() => {}) // it never connected
    },
  }
}

/** A watch among those of its tenant. */
function createWatch(raises: Set<() => void>, onClosed: () => void): Watch {
  let isRaised = false
  let wakeUp: (() => void) | undefined
  const raise = () => {
    isRaised = true
    wakeUp?.()
  }
  raises.add(raise)

  return {
    async moved(ms, signal) {
      if (!isRaised && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(end, ms)
          signal?.addEventListener('abort', end, { once: true })
          wakeUp = end
          function end(): void {
            clearTimeout(timer)
            signal?.removeEventListener('abort', end)
            wakeUp = undefined
            resolve()
          }
        })
      }
      const hasMoved = isRaised && !signal?.aborted
      isRaised = false
      return hasMoved
    },
    close() {
      raises.delete(raise)
      onClosed()
    },
  }
}

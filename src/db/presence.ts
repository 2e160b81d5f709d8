// The presence of a worker: a session of Postgres that lives as long as the worker's process, and
// holds an advisory lock on the worker's id. A killed process loses its connections at once, so its
// leases are free at once. A frozen process keeps them, so its leases last.

import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Logger } from '../logger.ts'
import { openClient } from './session.ts'

const LOCK_SEED = 1_296_651_862
const RETRY_MS = 250
const TIMEOUT_MS = 10_000

/** One connection of a presence. A lease taken under it is valid while the connection stands. */
export type Session = { owner: string; isPresent(): boolean }

export type Presence = {
  /** Undefined while the connection is lost: then the worker takes no lease. */
  session(): Session | undefined
  /** `handler` is called after each loss, and again when the presence is back. */
  onChange(handler: () => void): void
  close(): Promise<void>
}

/**
 * SQL: whether the worker named by a uuid column or parameter is gone. It looks up one lock, and
 * does not scan pg_locks. The shared lock that proves it ends with the transaction. An id of
 * version 4 belongs to a program without a presence, and never counts as gone.
 */
export function isGone(owner: string): string {
  return `case
    when substr(${owner}::text, 15, 1) = '8'
      then pg_try_advisory_xact_lock_shared(hashtextextended(${owner}::text, ${LOCK_SEED}))
    else false
  end`
}

/**
 * Opens the presence of this worker under a new id, and reopens it under the same id whenever it is
 * lost: leases that nobody has taken meanwhile are still this worker's to release. Rejects if the
 * first connection fails.
 */
export async function keepPresence(url: string, logger: Logger): Promise<Presence> {
  const owner = newOwner()
  const handlers: (() => void)[] = []
  let held: { session: Session; client: pg.Client } | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  await hold()
  return {
    session: () => held?.session,
    onChange: (handler) => void handlers.push(handler),
    async close() {
      isClosed = true
      clearTimeout(timer)
      const client = held?.client
      held = undefined
      await client?.end().catch(() => {}) // it is cut off already
    },
  }

  async function hold(): Promise<void> {
    const client = await openClient(url, nameOf(owner), 'patient', { query_timeout: TIMEOUT_MS })
    client.once('end', () => lost(client))
    try {
      await announce(client, owner)
    } catch (error) {
      client.end().catch(() => {}) // it never connected
      throw error
    }
    if (isClosed) return void client.end().catch(() => {}) // closed while it was being opened
    held = { client, session: { owner, isPresent: () => held?.client === client } }
    logger.info({ owner }, 'presence held')
  }

  function lost(client: pg.Client): void {
    if (held?.client !== client) return
    held = undefined
    client.end().catch(() => {}) // it is broken already
    logger.warn({ owner }, 'presence lost, leases are given up')
    for (const handler of handlers) handler()
    void regain()
  }

  async function regain(): Promise<void> {
    try {
      await hold()
    } catch (error) {
      logger.warn({ reason: (error as Error).message }, 'presence not regained')
      if (!isClosed) timer = setTimeout(regain, RETRY_MS)
      return
    }
    if (held) for (const handler of handlers) handler()
  }
}

/**
 * Takes the lock. Only a dead peer may end the session while the worker lives. The server notices a
 * dead peer after 30 s of silence; the worker stops sending earlier. Until then an old session of
 * the same worker keeps the lock.
 */
async function announce(client: pg.Client, owner: string): Promise<void> {
  await client.query(`
    select
      set_config('application_name', ${pg.escapeLiteral(nameOf(owner))}, false),
      set_config('tcp_keepalives_idle', '15', false),
      set_config('tcp_keepalives_interval', '5', false),
      set_config('tcp_keepalives_count', '3', false)`)
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = $1 and pid <> pg_backend_pid()`,
    [nameOf(owner)],
  )
  const { rowCount } = await client.query(
    `select pg_advisory_lock(hashtextextended($1, ${LOCK_SEED})) where not pg_is_in_recovery()`,
    [owner],
  )
  // Others look for the lock on the primary, where leases are.
  if (rowCount === 0) throw new Error('The database is a standby.')
}

/** The session's name in pg_stat_activity. */
export function nameOf(owner: string): string {
  return `millrace presence ${owner}`
}

/** A uuid of version 8: the version says that its owner holds a presence. */
function newOwner(): string {
  const uuid = randomUUID()
  return `${uuid.slice(0, 14)}8${uuid.slice(15)}`
}

// Pools of connections: durable ones for promises to clients, relaxed ones for delivery (session.ts
// explains both).

import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Logger } from '../logger.ts'
import { observed } from '../metrics/metric.ts'
import { Client } from './client.ts'
import { ConnectionError } from './failure.ts'
import { limitedOptions, setUpSession } from './session.ts'
import type { Tables } from './tables.ts'
import { typeParsers } from './types.ts'
import { kyselyUntil } from './until.ts'

export type Db = Kysely<Tables>
export type Database = {
  pool: pg.Pool
  kysely: Db
  /** For a caller that may leave: its statement is cancelled when `signal` is aborted. */
  until(signal: AbortSignal): Db
  close(): Promise<void>
}

/** The open pools with a name. */
const named = new Map<pg.Pool, string>()
observed(
  { name: 'millrace_pool_connections', help: 'Connections to the database, by their pool.' },
  () =>
    [...named].flatMap(([{ totalCount, idleCount }, pool]) => [
      { labels: { pool, state: 'busy' }, value: totalCount - idleCount },
      { labels: { pool, state: 'idle' }, value: idleCount },
    ]),
)
observed(
  { name: 'millrace_pool_waiting', help: 'Statements that wait for a connection of their pool.' },
  () => [...named].map(([{ waitingCount: value }, pool]) => ({ labels: { pool }, value })),
)

/**
 * Opens a pool on `url` of at most `max` connections. Statements end after 30 s and waits for locks
 * after 5 s, so that nothing hangs for ever. It connects at the first query. `pipeline`: for
 * db/pipe. `name`: its pool in metrics.
 */
export function openDatabase(
  url: string,
  options: {
    durability: 'durable' | 'relaxed'
    max: number
    pipeline?: boolean
    name?: string
    logger: Logger
  },
): Database {
  const setUp = (client: pg.ClientBase) => setUpSession(client, options.durability)
  const pool = new Pool({
    ...limitedOptions(url, 'millrace'),
    Client,
    max: options.max,
    pipeline: options.pipeline ?? false,
    types: typeParsers,
    // The pool awaits the promise, although its type says void.
    onConnect: setUp as (client: pg.ClientBase) => void,
  })
  // The pool replaces a connection that breaks while idle; without a listener it would end the
  // process.
  const onError = (error: Error) =>
    options.logger.warn({ reason: error.message }, 'connection lost')
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  pool.on('release', (_, client) => {
    if (!(client as unknown as Client).isIdle) void client.end()
  })
  if (options.name) named.set(pool, options.name)
  return {
    pool,
    kysely: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }),
    until: (signal) => kyselyUntil(pool, signal),
    close() {
      named.delete(pool)
      return pool.end()
    },
  }
}

type Connected = Parameters<pg.Pool['connect']>[0]

/** A pool whose connection failures are all ConnectionErrors, whatever the reason. */
class Pool extends pg.Pool {
  override connect(callback?: Connected): never {
    const answer = callback
      ? super.connect((error, client, release) =>
          callback(error && failedToConnect(error), client, release),
        )
      : super.connect().catch((error) => {
          throw failedToConnect(error)
        })
    return answer as never
  }
}

function failedToConnect(error: Error): ConnectionError {
  return error instanceof ConnectionError ? error : new ConnectionError(error)
}

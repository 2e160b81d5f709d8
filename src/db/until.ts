// Statements for a caller that may leave: Postgres cancels what runs for it, and nothing else.

import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely'
import type pg from 'pg'
import type { Client } from './client.ts'
import type { Tables } from './tables.ts'

/**
 * Runs statements on connections of `pool` until `signal` is aborted. Then the statement under way
 * is cancelled, and further ones are refused; both reject with the signal's reason.
 */
export function kyselyUntil(pool: pg.Pool, signal: AbortSignal): Kysely<Tables> {
  const connect = () => connectUntil(pool, signal)
  const own = { connect, end: async () => {}, options: pool.options }
  return new Kysely({ dialect: new PostgresDialect({ pool: own }) })
}

async function connectUntil(pool: pg.Pool, signal: AbortSignal): Promise<PostgresPoolClient> {
  signal.throwIfAborted()
  const client = (await pool.connect()) as pg.PoolClient & Client
  const cancel = () => client.cancelStatement()
  signal.addEventListener('abort', cancel)
  const query = async (text: string, values: readonly unknown[]) => {
    signal.throwIfAborted()
    try {
      return await client.query(text, values)
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
  }
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release() {
      signal.removeEventListener('abort', cancel)
      // A cancellation that comes late would hit the next caller's statement.
      client.release(signal.aborted)
    },
  }
}

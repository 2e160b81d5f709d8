// Connections. Two kinds: durable ones, for everything a client was promised, and relaxed ones for
// delivery. There, losing the last 200 ms of commits in a crash means a redelivery, which
// at-least-once allows; and the log is read in the order of its key, whatever the planner thinks of
// it: of a day that is not analysed yet it expects a dozen rows, and would sort all that is left of
// a range for each page of it (100 ms and more where 4 will do).

import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Logger } from '../logger.ts'
import { Client } from './client.ts'
import type { Tables } from './tables.ts'

export type Db = Kysely<Tables>
export type Database = { pool: pg.Pool; kysely: Db; close(): Promise<void> }

type Durability = 'durable' | 'relaxed'

const { types } = pg
const parsers = new Map<number, (text: string) => unknown>([
  [types.builtins.INT8, Number],
  [1016, (text) => text.slice(1, -1).split(',').filter(Boolean).map(Number)], // bigint[]
  // A payload is passed on byte for byte: nothing may parse it on the way out.
  [types.builtins.JSON, (text) => text],
])

/** Parses int8 and int8[] to numbers and leaves json as the text that it is. */
export const typeParsers = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && parsers.get(oid)) || types.getTypeParser(oid, format as 'text'),
} as unknown as pg.CustomTypesConfig

/**
 * Opens a pool on `url`, at most `max` connections. Statements end after 30 s and waits for locks
 * after 5 s, so that nothing hangs for ever. Nothing is connected before the first query.
 * `pipeline`: for db/pipe.
 */
export function openDatabase(
  url: string,
  options: { durability: Durability; max: number; pipeline?: boolean; logger: Logger },
): Database {
  const settings = {
    synchronous_commit: options.durability === 'durable' ? 'on' : 'off',
    statement_timeout: '30s',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '30s',
    ...(options.durability === 'relaxed' ? { enable_bitmapscan: 'off' } : {}),
  }
  const pool = new pg.Pool({
    Client,
    connectionString: url,
    max: options.max,
    pipeline: options.pipeline ?? false,
    application_name: 'millrace',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // The server's limits do not help where the network is silent.
    query_timeout: 35_000,
    types: typeParsers,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  })
  // A connection that breaks while idle is replaced by the pool; without a listener it would end
  // the process.
  const onError = (error: Error) =>
    options.logger.warn({ reason: error.message }, 'connection lost')
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return {
    pool,
    kysely: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }),
    close: () => pool.end(),
  }
}

/**
 * Whether an error of node-postgres means that the statement may or may not have been committed, or
 * was refused before it began, so that an idempotent one may be sent again: lost connections, a
 * server that shuts down or starts up, deadlocks and serialisation failures (PostgreSQL manual,
 * appendix A).
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: string }).code
  if (code === undefined) return /connection|timeout/i.test(error.message)
  return /^(08...|57P0[123]|40001|40P01|53300|55P03|E[A-Z]+)$/.test(code)
}

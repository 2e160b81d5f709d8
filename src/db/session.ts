// The one place that opens connections, and what correctness rests on is set on each of them: how
// times are written, isolation, durability, time-outs, where tables are found. A role, a database,
// the URL or a pooler may say otherwise, so each setting is made by a statement (a pooler refuses
// or forgets start-up options) and its answer is checked. Other options of DATABASE_URL hold.

import type pg from 'pg'
import { Client } from './client.ts'
import { ConnectionError } from './failure.ts'

/**
 * `durable`: for what a client was promised. `relaxed`: for progress, of which a crash of the
 * database may take back the last 200 ms. It also reads the log in the order of its key, whatever
 * the planner thinks: of a day that is not analysed yet it expects a dozen rows, and would sort all
 * that is left of a range for each page (100 ms and more, for 4). `patient`: durable, for
 * migrations, which may take their time. `script`: the same, on a standby too.
 */
type SessionKind = 'durable' | 'relaxed' | 'patient' | 'script'

const CONNECT_TIMEOUT_MS = 10_000
/** The server's limits do not help if the network is silent. */
const QUERY_TIMEOUT_MS = 35_000

/** In the server's own spelling, so that its answer can be compared. */
const COMMON = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // Statements are short, and compiling one takes longer than running it.
  jit: 'off',
  // pg_catalog last: a function of ours that is called like a system's is the one that is meant.
  search_path: 'public, pg_catalog',
}
const LIMITED = {
  statement_timeout: '30s',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '30s',
}
const UNLIMITED = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
}
const SETTINGS: Record<SessionKind, Record<string, string>> = {
  durable: { ...COMMON, ...LIMITED },
  relaxed: { ...COMMON, ...LIMITED, synchronous_commit: 'off', enable_bitmapscan: 'off' },
  patient: { ...COMMON, ...UNLIMITED },
  script: { ...COMMON, ...UNLIMITED },
}

/** How a client of `url` connects. `name` is what pg_stat_activity shows. */
export function connectionOptions(url: string, name: string): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

/** The same with a limit for each answer, for whoever does not wait longer than the server's. */
export function limitedOptions(url: string, name: string): pg.PoolConfig {
  return { ...connectionOptions(url, name), query_timeout: QUERY_TIMEOUT_MS }
}

/**
 * Opens a connection that is no pool's, and sets it up. Rejects with a ConnectionError. Its errors
 * are those of its statements; who waits without one listens to `end`.
 */
export async function openClient(
  url: string,
  name: string,
  kind: SessionKind,
  options: { query_timeout?: number; types?: pg.CustomTypesConfig } = {},
): Promise<pg.Client> {
  const client = new Client({ ...connectionOptions(url, name), ...options })
  client.on('error', () => {})
  try {
    await client.connect()
    await setUpSession(client, kind)
    return client
  } catch (error) {
    void client.end()
    throw error instanceof ConnectionError ? error : new ConnectionError(error)
  }
}

/**
 * Makes a new connection what its kind needs. Throws a ConnectionError if that cannot be had, or if
 * the server is a standby, of which nothing here may be read: it may be behind.
 */
export async function setUpSession(client: pg.ClientBase, kind: SessionKind): Promise<void> {
  const settings = Object.entries(SETTINGS[kind])
  const { rows } = await client.query(statementOf(settings, kind))
  const [got] = rows
  if (got.role === 'standby' && kind !== 'script')
    throw new ConnectionError({ message: 'The database is a standby.' })
  for (const [name, value] of settings) {
    if (got[name.toLowerCase()] === value) continue
    const message = `The database's session has ${name} = ${got[name.toLowerCase()]}, not ${value}.`
    throw new ConnectionError({ message })
  }
  if (got.session_replication_role !== 'origin') {
    const message = 'The database does not run triggers for this role: session_replication_role.'
    throw new ConnectionError({ message })
  }
}

/** One round trip for all of it. What of it only newer servers have is left alone on others. */
function statementOf(settings: [string, string][], kind: SessionKind): string {
  const set = settings.map(
    ([name, value]) => `set_config('${name}', '${value}', false) as ${name.toLowerCase()}`,
  )
  // Who asks for more than "on" gets it: a standby that has applied the commit.
  const durability = `set_config('synchronous_commit',
    case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end,
    false)`
  const newer = ['idle_session_timeout', 'transaction_timeout'].map(
    (name) => `(select set_config('${name}', '0', false)
      where current_setting('${name}', true) is not null)`,
  )
  return `select ${[
    ...set,
    ...(kind === 'relaxed' ? [] : [durability]),
    ...newer,
    `case when pg_is_in_recovery() then 'standby' else 'primary' end as role`,
    `current_setting('session_replication_role') as session_replication_role`,
  ].join()}`
}

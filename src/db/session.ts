// The only code that opens connections. It sets on each one every setting that correctness depends
// on: date style, isolation, durability, time-outs, search path. A role, a database, the URL or a
// pooler may set something else, and a pooler refuses or forgets start-up options. So a statement
// sets each one, and its answer is checked. Other options of DATABASE_URL hold.

import type pg from 'pg'
import { Client } from './client.ts'
import { ConnectionError } from './failure.ts'

/**
 * * `durable`: for promises to clients.
 * * `relaxed`: for progress; a crash of the database may undo the last 200 ms. It also reads the
 *   log. A prepared statement is planned once for a connection, whatever the values: planning takes
 *   longer than running. So the plan must be right for every size of a day: it follows the indexes,
 *   in the order of the key, whatever the planner estimates. For a day that is not analysed yet,
 *   the planner expects a dozen rows, and would sort the rest of a range for each page (100 ms and
 *   more, instead of 4). A statement with values that is not prepared costs more here (1.8 ms on a
 *   log of 38 days, instead of 0.3): prepare it.
 * * `patient`: durable, without time limits, for migrations.
 * * `script`: the same, on a standby too.
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
  // pg_catalog last: our function wins over a system function of the same name.
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
  relaxed: {
    ...COMMON,
    ...LIMITED,
    synchronous_commit: 'off',
    plan_cache_mode: 'force_generic_plan',
    enable_seqscan: 'off',
    enable_bitmapscan: 'off',
  },
  patient: { ...COMMON, ...UNLIMITED },
  script: { ...COMMON, ...UNLIMITED },
}

/** Connection options for `url`. `name` appears in pg_stat_activity. */
export function connectionOptions(url: string, name: string): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

/**
 * The same with a time limit for each answer, for callers that wait no longer than the server's.
 */
export function limitedOptions(url: string, name: string): pg.PoolConfig {
  return { ...connectionOptions(url, name), query_timeout: QUERY_TIMEOUT_MS }
}

/**
 * Opens a connection outside any pool, and sets it up. Rejects with a ConnectionError. Each
 * statement reports its own errors; to learn of a loss without a statement, listen to `end`.
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
 * Gives a new connection the settings of its kind. Throws a ConnectionError if that fails, or if
 * the server is a standby: a standby may be behind, so nothing may be read from it here.
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

/** One round trip for all settings. Older servers skip those that they do not know. */
function statementOf(settings: [string, string][], kind: SessionKind): string {
  const set = settings.map(
    ([name, value]) => `set_config('${name}', '${value}', false) as ${name.toLowerCase()}`,
  )
  // A stricter setting than "on" stays: waiting until a standby has applied the commit.
  const durability = `set_config('synchronous_commit',
    case current_setting('synchronous_commit')
      when 'remote_apply' then 'remote_apply' else 'on'
    end,
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

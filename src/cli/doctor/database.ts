// The doctor's look at the database: whether a service could start on it, and what would harm it
// later. It writes nothing.

import { existsSync, statfsSync } from 'node:fs'
import path from 'node:path'
import type pg from 'pg'
import { type Config, limits } from '../../config.ts'
import { clusterOf, readIfThere, runningPid } from '../../db/cluster.ts'
import { refuseUnfitDatabase } from '../../db/fitness.ts'
import { schemaProblem } from '../../db/migrate.ts'
import { onlyRow } from '../../db/only-row.ts'
import { openClient } from '../../db/session.ts'
import { NOTABLE_MS, skewOf } from '../../db/skew.ts'
import { keyProblem } from '../../sealing/key-check.ts'
import { createSecretBox } from '../../sealing/secret.ts'
import { type Expectation, type Finding, findingOf } from './finding.ts'

/** One `start` with its followers. */
const NEEDED_CONNECTIONS = 70
const LEAST_FREE = 0.1
const LEAST_DAYS_AHEAD = 2

type Settings = Pick<
  Config,
  'DATABASE_URL' | 'MILLRACE_DATA_DIR' | 'MILLRACE_SECRET_KEY' | 'MILLRACE_SECRET_KEY_PREVIOUS'
>

/** The findings on the database that a service with this configuration would use. */
export async function examineDatabase(config: Settings): Promise<Finding[]> {
  const { DATABASE_URL, MILLRACE_DATA_DIR } = config
  if (DATABASE_URL) return examine(DATABASE_URL, config)
  const cluster = clusterOf(MILLRACE_DATA_DIR)
  if (!existsSync(cluster.files)) {
    const message = `There is no database yet: millrace start makes one in ${MILLRACE_DATA_DIR}.`
    return [{ area: 'database', state: 'ok', message }]
  }
  if (runningPid(cluster) === undefined) {
    const message = `The embedded PostgreSQL in ${MILLRACE_DATA_DIR} does not run.`
    return [{ area: 'database', state: 'warn', message, remedy: 'Start it: millrace start' }]
  }
  return [...(await examine(cluster.url, config)), diskOf(MILLRACE_DATA_DIR)]
}

async function examine(url: string, config: Settings): Promise<Finding[]> {
  const failed = (message: string, remedy: string): Finding[] => [
    { area: 'database', state: 'fail', message, remedy },
  ]
  let client: pg.Client
  try {
    client = await openClient(url, 'millrace doctor', 'script')
  } catch (error) {
    const message = `The database cannot be reached: ${(error as Error).message}`
    return failed(message, 'Start Postgres, or correct DATABASE_URL.')
  }
  try {
    await refuseUnfitDatabase(url, client)
    const server = await examineServer(client)
    const problem = await schemaProblem(client)
    if (problem) return [...server, ...failed(problem, 'Run: millrace migrate')]
    return [...server, ...(await examineTables(client)), ...(await examineKey(client, config))]
  } catch (error) {
    return failed((error as Error).message, 'See docs/operate.md, "The database".')
  } finally {
    await client.end()
  }
}

type Server = {
  version: string
  isStandby: boolean
  isDurable: boolean
  autovacuum: boolean
  connections: number
  role: string
  isSuperuser: boolean
  bytes: string
}

async function examineServer(client: pg.Client): Promise<Finding[]> {
  const server: Server = onlyRow(await client.query<Server>(serverQuestion))
  const skewMs = await skewOf(client)
  return [...rulesOfServer(server), ruleOfClocks(Math.round(skewMs))].map((rule) =>
    findingOf('database', rule),
  )
}

const serverQuestion = `
  select
    current_setting('server_version') as version,
    pg_is_in_recovery() as "isStandby",
    current_setting('fsync')::boolean and current_setting('full_page_writes')::boolean
      as "isDurable",
    current_setting('autovacuum')::boolean and current_setting('track_counts')::boolean
      as autovacuum,
    current_setting('max_connections')::integer
      - current_setting('superuser_reserved_connections')::integer as connections,
    current_user as role,
    (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
    pg_size_pretty(pg_database_size(current_database())) as bytes`

function rulesOfServer(server: Server): Expectation[] {
  const { version, isStandby, isDurable, autovacuum, connections, role, isSuperuser, bytes } =
    server
  return [
    {
      holds: !isStandby,
      ok: `PostgreSQL ${version}, UTF8, a session for each connection; ${bytes}.`,
      not: {
        state: 'fail',
        message: 'The database is a standby.',
        remedy: 'DATABASE_URL must lead to the primary.',
      },
    },
    {
      holds: isDurable,
      ok: 'A crash of the server loses no event.',
      not: {
        state: 'fail',
        message: 'fsync or full_page_writes is off: a crash of the machine may lose events.',
        remedy: 'Switch both on in postgresql.conf.',
      },
    },
    {
      holds: autovacuum,
      ok: 'Autovacuum is on.',
      not: {
        state: 'warn',
        message: 'autovacuum or track_counts is off: tables and indexes grow without end.',
        remedy: 'Switch both on in postgresql.conf.',
      },
    },
    {
      holds: connections >= NEEDED_CONNECTIONS,
      ok: `${connections} connections are allowed.`,
      not: {
        state: 'warn',
        message: `${connections} connections are allowed; one millrace start takes about 60.`,
        remedy: 'Raise max_connections to 100 or more.',
      },
    },
    {
      holds: !isSuperuser || role === 'postgres',
      ok: `The role is ${role}.`,
      not: {
        state: 'warn',
        message: `The role ${role} is a superuser.`,
        remedy: 'Make roles with sql/roles.sql: docs/operate.md, "Roles of the database".',
      },
    },
  ]
}

function ruleOfClocks(skewMs: number): Expectation {
  const message = `The clock of the database is ${skewMs} ms ahead of this machine's.`
  return {
    holds: Math.abs(skewMs) < NOTABLE_MS,
    ok: `The clocks agree (${skewMs} ms).`,
    not: {
      state: Math.abs(skewMs) > limits.clockAheadMs ? 'fail' : 'warn',
      message,
      remedy: 'Synchronize both with NTP.',
    },
  }
}

type Tables = { daysAhead: number; workers: number }

async function examineTables(client: pg.Client): Promise<Finding[]> {
  const { daysAhead, workers }: Tables = onlyRow(await client.query<Tables>(tablesQuestion))
  const rules: Expectation[] = [
    {
      holds: daysAhead >= LEAST_DAYS_AHEAD,
      ok: `The schema is up to date. There are partitions for ${daysAhead} days ahead.`,
      not: {
        state: daysAhead < 0 ? 'fail' : 'warn',
        message: `The log has partitions for ${daysAhead} days ahead; publishing needs today's.`,
        remedy: 'Start a worker, which creates them: millrace work',
      },
    },
    {
      holds: workers > 0,
      ok: `${workers} worker(s) deliver.`,
      not: {
        state: 'warn',
        message: 'No worker runs: nothing is delivered.',
        remedy: 'Start one: millrace work, or millrace start',
      },
    },
  ]
  return rules.map((rule) => findingOf('database', rule))
}

const tablesQuestion = `
  select
    floor((max(bounds[1]::bigint) - position_of(clock_timestamp())) / 86400e6)::integer
      as "daysAhead",
    (
      select count(*)::integer from pg_stat_activity
      where application_name like 'millrace presence %' and datname = current_database()
    ) as workers
  from pg_inherits
  join pg_class on pg_class.oid = pg_inherits.inhrelid
  cross join lateral regexp_match(
    pg_get_expr(pg_class.relpartbound, pg_class.oid), 'TO \\(''(\\d+)''\\)'
  ) as bounds
  where inhparent = 'event'::regclass`

/** Nothing, if this machine does not have the key. */
async function examineKey(client: pg.Client, config: Settings): Promise<Finding[]> {
  const file = path.join(config.MILLRACE_DATA_DIR, 'secret-key')
  const key = config.MILLRACE_SECRET_KEY ?? readIfThere(file).trim()
  if (!key) return []
  const secrets = createSecretBox(key, config.MILLRACE_SECRET_KEY_PREVIOUS)
  const problem = await keyProblem(client, secrets)
  const rule: Expectation = {
    holds: problem === undefined,
    ok: 'The secret key is that of the database.',
    not: {
      state: 'fail',
      message: problem ?? '',
      remedy: 'See docs/operate.md, "The secret key".',
    },
  }
  return [findingOf('database', rule)]
}

function diskOf(directory: string): Finding {
  const { bavail, blocks, bsize } = statfsSync(directory)
  const free = `${Math.floor((bavail * bsize) / 1024 ** 3)} GiB are free in ${directory}`
  return findingOf('database', {
    holds: bavail / blocks >= LEAST_FREE,
    ok: `${free}.`,
    not: {
      state: 'warn',
      message: `Only ${free}, ${Math.floor((100 * bavail) / blocks)} % of the disk.`,
      remedy: 'Make room: Postgres stops when the disk is full.',
    },
  })
}

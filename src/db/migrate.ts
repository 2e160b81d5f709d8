// Brings the schema up to date: sql/migrations in the order of their numbers, sql/functions, then
// graphile-worker's own. Forward only; each file's checksum is kept, so that an edited migration is
// noticed. One advisory lock around it all: two processes may start at once.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger as GraphileLogger, runMigrations } from 'graphile-worker'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import type { Logger } from '../logger.ts'
import { Client } from './client.ts'
import { refuseUnfitDatabase } from './fitness.ts'
import { applyFunctions, functionProblem } from './functions.ts'
import { connectionOptions, openClient, setUpSession } from './session.ts'

const directory = path.join(import.meta.dirname, '../../sql/migrations')
const MIGRATION_LOCK = 1296651859
const LOCK_RETRY_MS = 200
/** Every ten seconds. */
const TRIES_TOLD = 50

/** graphile-worker logs each of its migrations at length; ours say enough. */
const quietLogger = new GraphileLogger(() => () => {})

type MigrationFile = { name: string; text: string; checksum: string }

/** The files do not change while the process lives. */
let known: MigrationFile[] | undefined

/** The migrations on disk, in order. */
export function readMigrations(): MigrationFile[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.sql'))
  return names.sort().map((name) => {
    const text = readFileSync(path.join(directory, name), 'utf8')
    const checksum = createHash('sha256').update(text).digest('hex')
    return { name: name.replace(/\.sql$/, ''), text, checksum }
  })
}

/**
 * Migrates the database at `url`. Throws an Error with one sentence for an operator if the server
 * cannot be reached, cannot be worked with (fitness.ts), or has a schema that is newer than this
 * program.
 */
export async function migrate(url: string, logger: Logger): Promise<void> {
  const client = await openClient(url, 'millrace migrate', 'patient').catch((error: Error) => {
    throw new Error(`The database cannot be reached: ${error.message}`, { cause: error })
  })
  try {
    await refuseUnfitDatabase(url, client)
    await lock(client, logger)
    await applyMigrations(url, logger)
    await applyFunctions(client, logger)
    await migrateJobs(url)
  } finally {
    await client.end()
  }
}

/** Waits for other processes that migrate, and says for whom. */
async function lock(client: pg.Client, logger: Logger): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { rows } = await client.query('select pg_try_advisory_lock($1) as mine', [MIGRATION_LOCK])
    if (rows[0].mine) return
    if (tries % TRIES_TOLD === 0) {
      const holder = await client.query(holderOfLock, [MIGRATION_LOCK])
      logger.warn({ ...holder.rows[0] }, 'waiting for another process that migrates')
    }
    await sleep(LOCK_RETRY_MS)
  }
}

const holderOfLock = `
  select pg_stat_activity.pid, application_name, client_addr, backend_start
  from pg_locks
  join pg_stat_activity on pg_stat_activity.pid = pg_locks.pid
  where locktype = 'advisory' and granted and classid = 0 and objid = $1
    and pg_locks.database = (select oid from pg_database where datname = current_database())`

/** graphile-worker's own tables, in its own schema. */
async function migrateJobs(url: string): Promise<void> {
  const pool = poolOf(url)
  try {
    await runMigrations({ pgPool: pool, logger: quietLogger })
  } finally {
    await pool.end()
  }
}

function poolOf(url: string): pg.Pool {
  const setUp = (client: pg.ClientBase) => setUpSession(client, 'patient')
  const pool = new pg.Pool({
    ...connectionOptions(url, 'millrace migrate'),
    Client,
    max: 1,
    onConnect: setUp as (client: pg.ClientBase) => void,
  })
  pool.on('error', () => {}) // the statement under way rejects with the same error
  pool.on('connect', (connected) => connected.on('error', () => {}))
  return pool
}

/** What stands between this database and this program, in words; undefined where nothing does. */
export async function schemaProblem(client: pg.Pool | pg.Client): Promise<string | undefined> {
  known ??= readMigrations()
  const exists = await client.query(`select to_regclass('migration_checksum') is not null as yes`)
  const applied = exists.rows[0].yes
    ? (await client.query('select name, checksum from migration_checksum')).rows
    : []
  return compare(known, applied, { complete: true }) ?? functionProblem(client)
}

async function applyMigrations(url: string, logger: Logger): Promise<void> {
  const pool = poolOf(url)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    await sql`create table if not exists migration_checksum (
      name text primary key, checksum text not null, applied_at timestamptz not null default now()
    )`.execute(db)
    const files = readMigrations()
    const applied = await sql<{ name: string; checksum: string }>`
      select name, checksum from migration_checksum`.execute(db)
    const problem = compare(files, applied.rows, { complete: false })
    if (problem) throw new Error(problem)

    const provider = {
      getMigrations: async () =>
        Object.fromEntries(files.map((file) => [file.name, asMigration(file)])),
    }
    const migrator = new Migrator({ db, provider })
    // Each in a transaction of its own: what is dropped in one may be in use by calls that began
    // before the one that replaced it.
    for (;;) {
      const { error, results = [] } = await migrator.migrateUp()
      if (error) throw new Error(`A migration failed: ${reasonOf(error)}`, { cause: error })
      for (const { migrationName } of results) logger.info({ migrationName }, 'migrated')
      if (results.length === 0) return
    }
  } finally {
    await db.destroy()
  }
}

function asMigration(file: MigrationFile): Migration {
  return {
    async up(db) {
      await sql`set local lock_timeout = '2s'`.execute(db)
      await sql.raw(file.text).execute(db)
      await sql`insert into migration_checksum (name, checksum)
        values (${file.name}, ${file.checksum})`.execute(db)
    },
  }
}

function compare(
  files: MigrationFile[],
  applied: { name: string; checksum: string }[],
  { complete }: { complete: boolean },
): string | undefined {
  for (const { name, checksum } of applied) {
    const file = files.find((candidate) => candidate.name === name)
    if (!file) return `The database's schema is newer than this millrace: it has ${name}. Upgrade.`
    if (file.checksum !== checksum) return `The migration ${name} was changed after it was applied.`
  }
  const missing = files.find(({ name }) => !applied.some((row) => row.name === name))
  return complete && missing
    ? `The migration ${missing.name} is missing: millrace migrate`
    : undefined
}

function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}

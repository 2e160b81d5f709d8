// Brings the schema up to date: sql/migrations in order, graphile-worker's own, then sql/functions
// and the rights of the roles. Forward only; checksums reveal an edited migration. An advisory lock
// covers all of it, so two processes may start at once. A role that may not migrate (the service of
// sql/roles.sql) runs no DDL, and its error names the role that may.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import type { Logger } from '../logger.ts'
import { Client } from './client.ts'
import { waitedTooLong } from './failure.ts'
import { refuseUnfitDatabase } from './fitness.ts'
import { applyFunctions, functionProblem, privilegeProblem } from './functions.ts'
import { jobsProblem, migrateJobs } from './jobs-schema.ts'
import { connectionOptions, openClient, setUpSession } from './session.ts'

const directory = path.join(import.meta.dirname, '../../sql/migrations')
const MIGRATION_LOCK = 1296651859
const LOCK_RETRY_MS = 200
/** Each try waits 2 s, and publishers wait with it; they go on in the pauses. */
const BUSY_TRIES = 10
const BUSY_PAUSE_MS = 1_000
/** Every ten seconds. */
const TRIES_LOGGED = 50

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
 * Migrates the database at `url`, and grants the roles of sql/roles.sql their rights. Throws an
 * Error with one sentence for an operator if the server is unreachable or unfit (fitness.ts), if
 * the schema is newer than this program, or if another role must migrate.
 */
export async function migrate(url: string, logger: Logger): Promise<void> {
  await onClient(url, async (client) => {
    const problem = compare(readMigrations(), await appliedMigrations(client), { complete: false })
    if (problem) throw new Error(problem)
    await refuseStranger(client)
    await lock(client, logger)
    await applyMigrations(url, logger)
    await onPool(url, migrateJobs)
    await applyFunctions(client, logger)
  })
}

/**
 * The same for a starting process: it checks first. If nothing is missing, it runs no DDL and needs
 * no right to.
 */
export async function prepareSchema(url: string, logger: Logger): Promise<void> {
  const problem = await onClient(url, schemaProblem)
  if (problem) await migrate(url, logger)
}

async function onClient<T>(url: string, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await openClient(url, 'millrace migrate', 'patient').catch((error: Error) => {
    throw new Error(`The database cannot be reached: ${error.message}`, { cause: error })
  })
  try {
    await refuseUnfitDatabase(url, client)
    return await act(client)
  } finally {
    await client.end()
  }
}

/**
 * Throws if another role owns the tables, or if there are none and this role cannot create them.
 */
async function refuseStranger(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`
    select
      current_user as role,
      pg_get_userbyid(relowner) as owner,
      coalesce(pg_has_role(relowner, 'usage'), has_schema_privilege('public', 'create')) as may
    from (select) as always
    left join pg_class on pg_class.oid = to_regclass('migration_checksum')`)
  const { role, owner, may } = rows[0]
  if (may) return
  const who = owner ?? 'a role that may create tables'
  throw new Error(
    `The schema needs a migration, and the role ${role} may not: run "millrace migrate" as ${who}.`,
  )
}

/** Waits for other migrating processes, and logs which ones. */
async function lock(client: pg.Client, logger: Logger): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { rows } = await client.query('select pg_try_advisory_lock($1) as mine', [MIGRATION_LOCK])
    if (rows[0].mine) return
    if (tries % TRIES_LOGGED === 0) {
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

async function onPool(url: string, act: (pool: pg.Pool) => Promise<void>): Promise<void> {
  const pool = poolOf(url)
  try {
    await act(pool)
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

/** Why this program cannot work with this database, as a sentence; undefined if it can. */
export async function schemaProblem(client: pg.Pool | pg.Client): Promise<string | undefined> {
  known ??= readMigrations()
  const problem = compare(known, await appliedMigrations(client), { complete: true })
  return (
    problem ??
    (await functionProblem(client)) ??
    (await jobsProblem(client)) ??
    privilegeProblem(client)
  )
}

async function appliedMigrations(
  client: pg.Pool | pg.Client,
): Promise<{ name: string; checksum: string }[]> {
  const exists = await client.query(`select to_regclass('migration_checksum') is not null as yes`)
  if (!exists.rows[0].yes) return []
  return (await client.query('select name, checksum from migration_checksum')).rows
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
    // Each migration has its own transaction: calls that began before a replacement may still use
    // what a later migration drops. A new database has no callers, and one transaction is faster.
    const isNew = applied.rows.length === 0
    while (await migrateUp(migrator, isNew, logger));
  } finally {
    await db.destroy()
  }
}

/** Applies the next migration, or all of them; returns whether there was one. */
async function migrateUp(migrator: Migrator, all: boolean, logger: Logger): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    const { error, results = [] } = await (all ? migrator.migrateToLatest() : migrator.migrateUp())
    if (!error) {
      for (const { migrationName } of results) logger.info({ migrationName }, 'migrated')
      return results.length > 0
    }
    const isBusy = waitedTooLong(error)
    const advice = isBusy ? '. A table is in use: run it again, or stop the service for it.' : ''
    if (!isBusy || tries === BUSY_TRIES) {
      throw new Error(`A migration failed: ${reasonOf(error)}${advice}`, { cause: error })
    }
    logger.warn({ reason: reasonOf(error), tries }, 'a migration waits for tables that are in use')
    await sleep(BUSY_PAUSE_MS)
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

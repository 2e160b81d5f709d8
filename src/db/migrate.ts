// Brings the schema up to date: sql/migrations in the order of their numbers, then
// graphile-worker's own. Forward only; each file's checksum is kept, so that an edited migration is
// noticed. One advisory lock around it all: two processes may start at once.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Logger as GraphileLogger, runMigrations } from 'graphile-worker'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import type { Logger } from '../logger.ts'

const directory = path.join(import.meta.dirname, '../../sql/migrations')
const MIGRATION_LOCK = 1296651859
const OLDEST_POSTGRES = 150_000

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
 * Migrates the database at `url`. Throws an Error with one sentence for an operator where the
 * server cannot be reached, is older than 15, is not UTF-8, or has a schema that is newer than this
 * program.
 */
export async function migrate(url: string, logger: Logger): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'millrace migrate' })
  client.on('error', () => {}) // the statement under way rejects with the same error
  try {
    await client.connect()
  } catch (error) {
    throw new Error(`The database cannot be reached: ${reasonOf(error)}`, { cause: error })
  }
  try {
    await refuseUnfitServer(client)
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await applyMigrations(url, logger)
    await runMigrations({ connectionString: url, logger: quietLogger })
  } finally {
    await client.end()
  }
}

/** What stands between this database and this program, in words; undefined where nothing does. */
export async function schemaProblem(client: pg.Pool | pg.Client): Promise<string | undefined> {
  known ??= readMigrations()
  const exists = await client.query(`select to_regclass('migration_checksum') is not null as yes`)
  const applied = exists.rows[0].yes
    ? (await client.query('select name, checksum from migration_checksum')).rows
    : []
  return compare(known, applied, { complete: true })
}

async function refuseUnfitServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `select current_setting('server_version_num')::integer as number,
            current_setting('server_version') as version,
            current_setting('server_encoding') as encoding`,
  )
  const { number, version, encoding } = rows[0]
  if (number < OLDEST_POSTGRES) {
    throw new Error(`millrace needs PostgreSQL 15 or newer; this server is ${version}.`)
  }
  if (encoding !== 'UTF8') {
    throw new Error(`millrace needs a database in UTF8; this one is in ${encoding}.`)
  }
}

async function applyMigrations(url: string, logger: Logger): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  pool.on('error', () => {}) // as above
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

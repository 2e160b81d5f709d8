// graphile-worker's own tables, in its own schema. Its runner also migrates them at its start,
// which fails unless its role owns them. So our migrations and checks include them.

import { readdirSync } from 'node:fs'
import type pg from 'pg'

/** The number of its newest migration. The package does not change while the process lives. */
let known: number | undefined

/** Brings the tables of the job runner up to date. */
export async function migrateJobs(pool: pg.Pool): Promise<void> {
  const { Logger, runMigrations } = await import('graphile-worker')
  // It logs each of its migrations at length; our own lines suffice.
  await runMigrations({ pgPool: pool, logger: new Logger(() => () => {}) })
}

/** The missing part of the job runner in this database, as a sentence; undefined if none. */
export async function jobsProblem(client: pg.Pool | pg.Client): Promise<string | undefined> {
  known ??= newestMigration()
  const exists = await client.query(`select to_regclass('graphile_worker.migrations') as name`)
  const { rows } = exists.rows[0].name
    ? await client.query('select max(id) as newest from graphile_worker.migrations')
    : { rows: [] }
  const isMissing = known > Number(rows[0]?.newest ?? 0)
  return isMissing ? `The job runner's migration ${known} is missing: millrace migrate` : undefined
}

function newestMigration(): number {
  const directory = new URL('../sql/', import.meta.resolve('graphile-worker'))
  return Math.max(...readdirSync(directory).map((name) => Number.parseInt(name, 10)))
}

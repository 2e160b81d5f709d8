// The environment of the benchmark: an embedded PostgreSQL in a temporary directory, with fresh,
// migrated databases. All of it is removed afterwards, whatever happens.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import { createLogger } from '../../src/logger.ts'
import { guardDirectory } from '../kit/guard.ts'
import { databaseUrl, query } from '../kit/postgres.ts'

const TEMPLATE = 'bench_template'

type BenchDatabase = { url: string; drop(): Promise<unknown> }

export type Stage = {
  /** For files of the scenarios; removed at the end. */
  directory: string
  /** The version that the server reports. */
  postgresVersion: string
  /**
   * A new database, migrated, with partitions. `commitDelayUs` makes each commit take that much
   * longer, as on a slower disk.
   */
  database(name: string, commitDelayUs?: number): Promise<BenchDatabase>
  close(): Promise<void>
}

/** Starts a PostgreSQL and prepares the template of the databases. */
export async function openStage(): Promise<Stage> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'))
  guardDirectory(directory)
  const server = await startEmbeddedPostgres(directory)
  await query(server.url, `create database ${TEMPLATE}`)
  const templateUrl = databaseUrl(server.url, TEMPLATE)
  await migrate(templateUrl, createLogger('silent'))
  const pool = new pg.Pool({ connectionString: templateUrl })
  await createPartitions(pool)
  const { rows } = await pool.query<{ server_version: string }>('show server_version')
  await pool.end()

  return {
    directory,
    postgresVersion: rows[0]?.server_version ?? 'unknown',
    async database(name, commitDelayUs) {
      const unique = `${name.replace(/\W/g, '_')}_${randomBytes(4).toString('hex')}`
      await query(server.url, `create database ${unique} template ${TEMPLATE}`)
      if (commitDelayUs !== undefined) {
        await query(server.url, `alter database ${unique} set commit_delay = ${commitDelayUs}`)
        await query(server.url, `alter database ${unique} set commit_siblings = 0`)
      }
      return {
        url: databaseUrl(server.url, unique),
        drop: () => query(server.url, `drop database ${unique} with (force)`),
      }
    },
    async close() {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

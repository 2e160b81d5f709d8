// vitest's global set-up: one real Postgres for the whole run (DATABASE_URL, or an embedded one in
// a directory of its own), and in it a migrated template database from which each test file gets a
// copy.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import { createLogger } from '../../src/logger.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    serverUrl: string
    template: string
  }
}

export default async function setUp(project: TestProject) {
  const given = process.env['DATABASE_URL']
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const embedded = given ? undefined : await startEmbeddedPostgres(dataDir)
  const serverUrl = given ?? (embedded?.url as string)
  const template = `millrace_template_${process.pid}`

  try {
    await makeTemplate(serverUrl, template)
  } catch (error) {
    await embedded?.stop()
    throw error
  }
  project.provide('serverUrl', serverUrl)
  project.provide('template', template)
  return async () => {
    await query(serverUrl, `drop database ${template} with (force)`)
    await embedded?.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function makeTemplate(serverUrl: string, template: string): Promise<void> {
  await query(serverUrl, `create database ${template}`)
  const url = databaseUrl(serverUrl, template)
  await migrate(url, createLogger('silent'))
  const pool = new pg.Pool({ connectionString: url })
  await createPartitions(pool)
  await pool.end()
}

/** The URL of another database on the same server. */
export function databaseUrl(serverUrl: string, name: string): string {
  return serverUrl.replace(/\/[^/?]*(\?|$)/, `/${name}$1`)
}

/** One statement on a connection of its own. */
export async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

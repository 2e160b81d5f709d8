// vitest's global set-up: one real Postgres for the whole run (the server in TEST_POSTGRES,
// DATABASE_URL, or an embedded one in a directory of its own). It has the roles of sql/roles.sql
// and a template database, migrated by its owner, of which each test file gets a copy. No other
// setting of the environment, for the service or for clients of Postgres, reaches a test.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startInstalled } from '../../scripts/kit/cluster.ts'
import { withoutSettings } from '../../scripts/kit/environment.ts'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
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
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const { DATABASE_URL: url } = process.env
  const kept = withoutSettings()
  for (const key of Object.keys(process.env)) if (!(key in kept)) delete process.env[key]
  const server = await startServer(dataDir, url)
  const serverUrl = server.url
  const template = `millrace_template_${process.pid}`

  try {
    await makeTemplate(serverUrl, template)
  } catch (error) {
    await server.stop()
    throw error
  }
  project.provide('serverUrl', serverUrl)
  project.provide('template', template)
  return async () => {
    await query(serverUrl, `drop database ${template} with (force)`)
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function startServer(
  dataDir: string,
  url: string | undefined,
): Promise<{ url: string; stop(): Promise<void> }> {
  const bin = process.env['TEST_POSTGRES']
  if (bin) return startInstalled(bin, dataDir)
  return url ? Promise.resolve({ url, stop: async () => {} }) : startEmbeddedPostgres(dataDir)
}

async function makeTemplate(serverUrl: string, template: string): Promise<void> {
  await query(serverUrl, `create database ${template}`)
  const url = databaseUrl(serverUrl, template)
  await makeRoles(url)
  await migrate(asRole(url, 'owner'), createLogger('silent'))
  const pool = new pg.Pool({ connectionString: asRole(url, 'service') })
  await createPartitions(pool)
  await pool.end()
}

/** Runs sql/roles.sql in the database at `url`, an administrator's. */
export async function makeRoles(url: string): Promise<void> {
  await query(url, readFileSync(path.resolve('sql/roles.sql'), 'utf8'))
  for (const role of ['owner', 'service', 'auditor']) {
    await query(url, `alter role millrace_${role} password '${PASSWORD}'`)
  }
}

/** For a server that requires one. */
const PASSWORD = 'of-the-tests'

/** The same database for one of the roles of sql/roles.sql. */
export function asRole(url: string, role: 'owner' | 'service' | 'auditor'): string {
  return url.replace(/\/\/([^@/]*@)?/, `//millrace_${role}:${PASSWORD}@`)
}

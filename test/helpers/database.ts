// A new database for a test file, copied from the migrated template and dropped afterwards. The
// tested code has the rights of the service (sql/roles.sql), as in an installation.

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
import { type Database, openDatabase } from '../../src/db/pool.ts'
import { createLogger } from '../../src/logger.ts'
import { tablesWithSecrets } from './known-secrets.ts'
import { asRole } from './postgres.ts'

/**
 * The service's, and the administrator's for everything that a test prepares or checks beyond it.
 */
export type TestDatabase = Database & { url: string; admin: Database; adminUrl: string }

/**
 * Gives the file a database for its whole run. An open transaction at the end fails the file, and
 * so does a secret of tests in clear in the database.
 */
export function useDatabase(): TestDatabase {
  const name = `test_${randomBytes(6).toString('hex')}`
  const database = {} as TestDatabase

  beforeAll(async () => {
    await query(inject('serverUrl'), `create database ${name} template ${inject('template')}`)
    const adminUrl = databaseUrl(inject('serverUrl'), name)
    const url = asRole(adminUrl, 'service')
    const options = { durability: 'durable', max: 20, logger: createLogger('silent') } as const
    const admin = openDatabase(adminUrl, options)
    Object.assign(database, openDatabase(url, options), { url, admin, adminUrl })
  })
  afterAll(async () => {
    const open = await database.admin.pool.query(`
      select query from pg_stat_activity
      where datname = current_database() and state like 'idle in transaction%'`)
    const leaks = await tablesWithSecrets(database.admin.pool)
    await Promise.all([database.close(), database.admin.close()])
    await query(inject('serverUrl'), `drop database ${name} with (force)`)
    expect(open.rows).toEqual([])
    expect(leaks).toEqual([])
  })
  return database
}

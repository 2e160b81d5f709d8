// A database of its own for a test file, copied from the migrated template and dropped afterwards.

import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject } from 'vitest'
import { type Database, openDatabase } from '../../src/db/pool.ts'
import { createLogger } from '../../src/logger.ts'
import { databaseUrl, query } from './postgres.ts'

export type TestDatabase = Database & { url: string }

/** Gives the file a database for its whole run. A transaction that is left open fails the file. */
export function useDatabase(): TestDatabase {
  const name = `test_${randomBytes(6).toString('hex')}`
  const database = {} as TestDatabase

  beforeAll(async () => {
    await query(inject('serverUrl'), `create database ${name} template ${inject('template')}`)
    const url = databaseUrl(inject('serverUrl'), name)
    const logger = createLogger('silent')
    Object.assign(database, openDatabase(url, { durability: 'durable', max: 20, logger }), { url })
  })
  afterAll(async () => {
    const open = await database.pool.query(`
      select query from pg_stat_activity
      where datname = current_database() and state like 'idle in transaction%'`)
    await database.close()
    await query(inject('serverUrl'), `drop database ${name} with (force)`)
    expect(open.rows).toEqual([])
  })
  return database
}

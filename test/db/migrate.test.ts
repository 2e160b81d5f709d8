// Migrations: two at once, a schema that is newer, a file that was changed, a server that is not
// there.

import { describe, expect, inject, it } from 'vitest'
import { migrate, readMigrations, schemaProblem } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { databaseUrl, query } from '../helpers/postgres.ts'

const database = useDatabase()
const logger = createLogger('silent')

describe('migrate', () => {
  it('may run in two processes at once on an empty database', async () => {
    const url = databaseUrl(inject('serverUrl'), 'test_empty_database')
    await query(inject('serverUrl'), 'create database test_empty_database')
    await Promise.all([migrate(url, logger), migrate(url, logger), migrate(url, logger)])
    const { rows } = await query(url, 'select name from migration_checksum order by name')
    expect(rows).toEqual(readMigrations().map(({ name }) => ({ name })))
    await query(inject('serverUrl'), 'drop database test_empty_database')
  })

  it('says that a server cannot be reached', async () => {
    const url = 'postgres://nobody@127.0.0.1:1/nothing'
    await expect(migrate(url, logger)).rejects.toThrow('The database cannot be reached')
  })

  it('refuses a schema that is newer than itself, and a migration that was changed', async () => {
    await database.pool.query(`insert into migration_checksum values ('9999_later', 'x')`)
    await expect(migrate(database.url, logger)).rejects.toThrow(/newer than this millrace/)
    expect(await schemaProblem(database.pool)).toMatch(/9999_later/)
    await database.pool.query(`delete from migration_checksum where name = '9999_later'`)
    await database.pool.query(
      `update migration_checksum set checksum = 'y' where name = '0001_log'`,
    )
    await expect(migrate(database.url, logger)).rejects.toThrow(/0001_log was changed/)
  })

  it('sees a migration that is missing', async () => {
    await database.pool.query(`delete from migration_checksum`)
    expect(await schemaProblem(database.pool)).toMatch(/0001_log is missing/)
  })
})

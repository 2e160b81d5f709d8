// Migrations: two at once, a schema that is newer, a file that was changed, a server that is not
// there.

import { beforeAll, describe, expect, inject, it } from 'vitest'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
import { readFunctions } from '../../src/db/functions.ts'
import { migrate, readMigrations, schemaProblem } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'

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
    await database.admin.pool.query(`insert into migration_checksum values ('9999_later', 'x')`)
    await expect(migrate(database.adminUrl, logger)).rejects.toThrow(/newer than this millrace/)
    expect(await schemaProblem(database.pool)).toMatch(/9999_later/)
    await database.admin.pool.query(`delete from migration_checksum where name = '9999_later'`)
    await database.admin.pool.query(
      `update migration_checksum set checksum = 'y' where name = '0001_log'`,
    )
    await expect(migrate(database.adminUrl, logger)).rejects.toThrow(/0001_log was changed/)
  })

  it('sees a migration that is missing', async () => {
    await database.admin.pool.query(`delete from migration_checksum`)
    expect(await schemaProblem(database.pool)).toMatch(/0001_log is missing/)
  })
})

describe('functions', () => {
  const change = { name: 'note_consumer', checksum: 'of another program' }
  const nowAre = async (rows: { name: string; checksum: string }[]) => {
    await database.admin.pool.query(`delete from function_checksum where name = 'note_consumer'`)
    for (const { name, checksum } of rows) {
      await database.admin.pool.query('insert into function_checksum values ($1, $2)', [
        name,
        checksum,
      ])
    }
  }
  const mine = readFunctions().filter(({ name }) => name === change.name)

  beforeAll(async () => {
    // What the tests above took away.
    await database.admin.pool.query('truncate migration_checksum')
    for (const { name, checksum } of readMigrations()) {
      await database.admin.pool.query('insert into migration_checksum values ($1, $2)', [
        name,
        checksum,
      ])
    }
  })

  it('are those of their files', async () => {
    expect(await schemaProblem(database.pool)).toBeUndefined()
    const { rows } = await database.admin.pool.query(
      'select name from function_checksum order by name',
    )
    expect(rows).toEqual(readFunctions().map(({ name }) => ({ name })))
    for (const { name, text } of readFunctions()) {
      expect(text.match(/create or replace function (\w+)/g)).toEqual([
        `create or replace function ${name}`,
      ])
    }
  })

  it('of an older program are noticed, and replaced by migrate', async () => {
    await nowAre([change])
    await database.admin.pool.query('drop function note_consumer')
    expect(await schemaProblem(database.pool)).toMatch(/note_consumer is missing, or an older/)
    await migrate(database.adminUrl, logger)
    expect(await schemaProblem(database.pool)).toBeUndefined()
    const { rows } = await database.admin.pool.query(`select to_regproc('note_consumer') as found`)
    expect(rows).toEqual([{ found: 'note_consumer' }])
  })

  it('of a newer program do not trouble an older one, which leaves them there', async () => {
    await nowAre([...mine, change])
    await database.admin.pool.query('drop function note_consumer')
    expect(await schemaProblem(database.pool)).toBeUndefined()
    await migrate(database.adminUrl, logger)
    const { rows } = await database.admin.pool.query(`select to_regproc('note_consumer') as found`)
    expect(rows).toEqual([{ found: null }])
  })
})

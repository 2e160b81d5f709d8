// A migration that locks the tables of the log while others write: it locks in their order, and
// tries again if somebody holds a table for longer than it waits.

import { beforeEach, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { migrate } from '../../src/db/migrate.ts'
import type { Logger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { undoEvidence } from '../helpers/undo.ts'

const database = useDatabase()
const warnings: string[] = []
const logger = {
  info() {},
  warn: (_: object, text: string) => warnings.push(text),
} as unknown as Logger
const run = () => migrate(asRole(database.url, 'owner'), logger)

/** As if the evidence had never been protected. */
beforeEach(() => database.admin.pool.query(undoEvidence))

it('waits for a delivery, which notes something afterwards', async () => {
  const writer = await database.pool.connect()
  await writer.query('begin; lock table receipt in row exclusive mode')
  const migrated = run()
  await until('the migration waits', async () => {
    const { rowCount } = await database.admin.pool.query(
      `select from pg_locks where relation = 'receipt'::regclass and not granted`,
    )
    return rowCount === 1
  })
  await writer.query('lock table config_log in row exclusive mode; commit')
  writer.release()
  await migrated
  await expect(database.admin.pool.query('truncate config_log')).rejects.toMatchObject({
    code: 'MR003',
  })
})

it('is tried again if a table is held for longer', async () => {
  const writer = await database.pool.connect()
  await writer.query('begin; lock table attempt in row exclusive mode')
  const migrated = run()
  const waits = 'a migration waits for tables that are in use'
  await until('it has given up once', () => warnings.includes(waits))
  await writer.query('commit')
  writer.release()
  await migrated
})

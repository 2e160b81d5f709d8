// A rolling upgrade: a process of the version before appends on, with its own prepared statements
// and signatures, while a newer one replaces the functions under it.

import { beforeAll, expect, it } from 'vitest'
import { readFunctions } from '../../src/db/functions.ts'
import { migrate, readMigrations } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const APPEND = 'text[], text[], text[], text[], text[], text[], text[], text[]'

/** A function as a migration has left it. */
function before(migration: string, name: string): string {
  const text = readMigrations().find((file) => file.name === migration)?.text ?? ''
  return new RegExp(`^create (or replace )?function ${name}\\([\\s\\S]*?\\n\\$\\$;`, 'm').exec(
    text,
  )?.[0] as string
}

beforeAll(async () => {
  await database.admin.pool.query(`
    drop function append_events(${APPEND}, bigint, boolean[], text[]);
    drop function next_position(bigint);
    ${before('0001_log', 'next_position')}
    ${before('0014_key_fingerprint', 'append_events')}
    truncate function_checksum`)
})

it('loses no call of an old process', async () => {
  let isOver = false
  let calls = 0
  const append = async (writer: number) => {
    while (!isOver || calls < 100) {
      const { rows } = await database.pool.query({
        name: 'append_events',
        text: `select outcome, position from append_events($1, $2, $3, $4, $5, $6, $7, $8)`,
        values: ['dodici', 'order.created', 'o', `${writer}-${calls++}`, 't', 's', '{}', '{}'].map(
          (word) => [word],
        ),
      })
      expect(rows).toMatchObject([{ outcome: 'appended' }])
    }
  }
  const writers = Promise.all([1, 2, 3, 4].map(append))
  await migrate(database.adminUrl, createLogger('silent'))
  isOver = true
  await writers
  const { rows } = await database.pool.query('select count(*)::integer as known from event')
  expect(rows).toEqual([{ known: calls }])
  const { rowCount } = await database.pool.query('select from function_checksum')
  expect(rowCount).toBe(readFunctions().length)
})

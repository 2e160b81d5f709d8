// What a pool's client makes of queries: their answers, and nothing that outlives them.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
/** So little that no full collection is due for it. */
const BYTES = 10_000
const QUERIES = 300

setFlagsFromString('--expose-gc')
const collect: (options: { type: 'minor' }) => void = runInNewContext('gc')

describe('a client of a pool', () => {
  it('answers with promises and with callbacks', async () => {
    const ask = { text: 'select $1::text as word', values: ['one'] }
    expect((await database.pool.query(ask)).rows).toEqual([{ word: 'one' }])
    const rows = new Promise((resolve, reject) => {
      const settle = (error: Error, result: { rows: unknown }) =>
        error ? reject(error) : resolve(result.rows)
      database.pool.query(ask.text, ['two'], settle)
    })
    expect(await rows).toEqual([{ word: 'two' }])
    await expect(database.pool.query('select 1/0')).rejects.toMatchObject({ code: '22012' })
    expect((await database.pool.query(ask)).rows).toEqual([{ word: 'one' }])
  })

  it('prepares a statement under the name in its first comment, once', async () => {
    const client = await database.pool.connect()
    const text = '/* prepared: doubled */ select $1::integer * 2 as doubled'
    const { rows } = await client.query(text, [3])
    await client.query(text, [4])
    const prepared = await client.query(
      'select name, generic_plans + custom_plans as runs from pg_prepared_statements',
    )
    client.release()
    expect(rows).toEqual([{ doubled: 6 }])
    expect(prepared.rows).toContainEqual({ name: 'doubled', runs: 2 })
  })

  it('rejects at the end of its patience, and the connection does not break of the answer', async () => {
    const slow = { text: 'select pg_sleep(0.3), $1::text', values: ['x'], query_timeout: 50 }
    await expect(database.pool.query(slow)).rejects.toThrow('Query read timeout')
    expect((await database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('lets go of values and rows in the cheap collections', async () => {
    const echo = async () => {
      const values = [Buffer.alloc(BYTES, 120)]
      await database.pool.query({ name: 'echo', text: 'select octet_length($1::bytea)', values })
    }
    for (let i = 0; i < QUERIES; i++) await echo()
    collect({ type: 'minor' })
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < QUERIES; i++) await echo()
    for (let i = 0; i < 3; i++) {
      collect({ type: 'minor' })
      await new Promise(setImmediate)
    }
    const kept = process.memoryUsage().arrayBuffers - before
    expect(kept / (QUERIES * BYTES)).toBeLessThan(0.5)
  })
})

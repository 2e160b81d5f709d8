// What correctness rests on holds on each connection, whatever a role, a database or the URL say.

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConnectionError, UnreadableValue } from '../../src/db/failure.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { openClient } from '../../src/db/session.ts'
import { typeParsers } from '../../src/db/types.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { hostileSettings } from '../helpers/hostile.ts'

const database = useDatabase()
const logger = createLogger('silent')
const role = `hostile_${process.pid}`

beforeAll(async () => {
  await database.admin.pool.query(`create role ${role} login superuser`)
  for (const [name, value] of hostileSettings) {
    await database.admin.pool.query(`alter role ${role} set ${name} = ${value}`)
  }
})
afterAll(() => database.admin.pool.query(`drop role ${role}`))

const asHostile = () => database.adminUrl.replace('postgres@', `${role}@`)

describe('a session', () => {
  it.each(['durable', 'relaxed'] as const)('is what a %s one must be', async (durability) => {
    const hostile = openDatabase(asHostile(), { durability, max: 1, logger })
    const show = async (name: string) =>
      (await hostile.pool.query(`select current_setting('${name}') as value`)).rows[0].value
    const seen = await Promise.all(hostileSettings.map(([name]) => show(name)))
    await hostile.close()
    const own = openDatabase(database.url, { durability, max: 1, logger })
    const meant = await Promise.all(
      hostileSettings.map(
        async ([name]) =>
          (await own.pool.query(`select current_setting('${name}') as value`)).rows[0].value,
      ),
    )
    await own.close()
    expect(seen).toEqual(meant)
    const durable = hostileSettings.findIndex(([name]) => name === 'synchronous_commit')
    expect(seen[durable]).toBe(durability === 'durable' ? 'on' : 'off')
  })

  it('keeps what the URL asks for besides', async () => {
    const options = encodeURIComponent('-c work_mem=7MB -c datestyle=German')
    const url = `${database.url}&options=${options}`
    const client = await openClient(url, 'test', 'durable')
    const { rows } = await client.query(
      `select current_setting('work_mem') as memory, current_setting('datestyle') as style`,
    )
    await client.end()
    expect(rows).toEqual([{ memory: '7MB', style: 'ISO, MDY' }])
  })

  it('commits as late as an operator asks for', async () => {
    const options = encodeURIComponent('-c synchronous_commit=remote_apply')
    const url = `${database.url}&options=${options}`
    const client = await openClient(url, 'test', 'durable')
    const { rows } = await client.query('show synchronous_commit')
    await client.end()
    expect(rows[0].synchronous_commit).toBe('remote_apply')
  })

  it('does not go back to its pool with a transaction that is open', async () => {
    const own = openDatabase(database.url, { durability: 'durable', max: 1, logger })
    const client = await own.pool.connect()
    await client.query('begin')
    const { rows } = await client.query('select pg_backend_pid() as pid')
    client.release()
    const after = await own.pool.query('select pg_backend_pid() as pid')
    await own.close()
    expect(after.rows[0].pid).not.toBe(rows[0].pid)
  })

  it('ends with what can only be had on another one', async () => {
    const own = openDatabase(database.url, { durability: 'durable', max: 1, logger })
    const client = await own.pool.connect()
    const { rows } = await client.query('select pg_backend_pid() as pid')
    await client.query('set default_transaction_read_only = on')
    await expect(client.query('create table no_such ()')).rejects.toMatchObject({ code: '25006' })
    client.release()
    const after = await own.pool.query('select pg_backend_pid() as pid')
    await own.close()
    expect(after.rows[0].pid).not.toBe(rows[0].pid)
  })

  it('fails as a connection where it cannot be made', async () => {
    const nowhere = 'postgres://nobody@127.0.0.1:1/nothing'
    const own = openDatabase(nowhere, { durability: 'durable', max: 1, logger })
    await expect(own.pool.query('select 1')).rejects.toBeInstanceOf(ConnectionError)
    await expect(own.pool.connect()).rejects.toBeInstanceOf(ConnectionError)
    await expect(own.kysely.selectFrom('event').execute()).rejects.toBeInstanceOf(ConnectionError)
    await own.close()
  })
})

describe('a value that cannot be read', () => {
  it.each([
    [`set datestyle = 'German'; select now() as it`],
    [`select 9007199254740993::bigint as it`],
  ])('throws: %s', async (text) => {
    const client = new pg.Client({ connectionString: database.url, types: typeParsers })
    await client.connect()
    await expect(client.query(text)).rejects.toBeInstanceOf(UnreadableValue)
    await client.end()
  })
})

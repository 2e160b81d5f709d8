// The guarantee that everything else stands on: a reader that asks for what lies behind its
// position never misses an event that becomes visible later, whatever the writers do.

import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { typeParsers } from '../../src/db/types.ts'
import { appendEvents } from '../../src/log/append.ts'
import { readPage } from '../../src/log/read.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const open: pg.Client[] = []

async function connect() {
  const client = new pg.Client({ connectionString: database.url, types: typeParsers })
  client.on('error', () => {}) // the test cuts it
  await client.connect()
  open.push(client)
  return client
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})))
})

const publish = (client: pg.Client, key: string) =>
  client.query(`select position from publish_event('race', 'order.created', 'o', $1, '{}')`, [key])

/** A tailing reader: reads on from where it is. */
function createReader(tenant: string) {
  let after = Date.now() * 1000 - 60_000_000
  const seen: string[] = []
  return {
    seen,
    async read() {
      const through = (Date.now() + 86_400_000) * 1000
      const all = { maxEvents: 500, maxBytes: 1e9, filter: null, isLive: true }
      const range = { tenant, after, through, ...all }
      const { rows } = await readPage(database.kysely, range)
      for (const row of rows) {
        seen.push(row.idempotencyKey)
        after = row.position
      }
      return rows.length
    },
  }
}

const isWaiting = async (client: pg.Client) => {
  const { rows } = await database.pool.query(
    `select from pg_stat_activity where pid = $1 and wait_event = 'advisory'`,
    [(client as unknown as { processID: number }).processID],
  )
  return rows.length > 0
}

it('makes the second writer wait for the first, whoever commits first', async () => {
  const [first, second] = [await connect(), await connect()]
  const reader = createReader('race')
  await first.query('begin')
  await publish(first, 'a')
  const late = publish(second, 'b')
  await until('the second writer waits', () => isWaiting(second))
  expect(await reader.read()).toBe(0)
  await first.query('commit')
  await late
  await reader.read()
  expect(reader.seen).toEqual(['a', 'b'])
})

it.each([
  ['an event', 1],
  ['a batch', 2],
])('appends %s once, though two tries of it wait for the lane', async (_, size) => {
  const [first, second, third] = [await connect(), await connect(), await connect()]
  const events = Array.from({ length: size }, () => anEvent())
  await first.query('begin')
  await publish(first, `before ${size}`)
  const tries = [second, third].map((client) => appendEvents(client, events))
  await until('one try waits', () => isWaiting(second))
  await until('the other try waits', () => isWaiting(third))
  await first.query('commit')
  const [one, other] = await Promise.all(tries)
  const outcomes = [one, other].map((appended) => appended?.map(({ outcome }) => outcome).join())
  expect(outcomes.sort()).toEqual(
    ['appended', 'duplicate'].map((outcome) => Array(size).fill(outcome).join()),
  )
  expect(one?.map(({ position }) => position)).toEqual(other?.map(({ position }) => position))
})

it('loses nothing to a rollback or a crash of the writer before', async () => {
  const [first, second, third] = [await connect(), await connect(), await connect()]
  const reader = createReader('race')
  await reader.read()
  const before = reader.seen.length
  await first.query('begin')
  await publish(first, 'rolled back')
  const afterRollback = publish(second, 'c')
  await until('the second writer waits', () => isWaiting(second))
  await first.query('rollback')
  await afterRollback

  await second.query('begin')
  await publish(second, 'crashed')
  const afterCrash = publish(third, 'd')
  await until('the third writer waits', () => isWaiting(third))
  const { processID } = second as unknown as { processID: number }
  await database.admin.pool.query('select pg_terminate_backend($1)', [processID])
  await afterCrash
  await reader.read()
  expect(reader.seen.slice(before)).toEqual(['c', 'd'])
})

it('shows a tailing reader every event of many writers, once, in order', async () => {
  const reader = createReader('tail')
  let writing = true
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let batch = 0; batch < 60; batch++) {
      const events = Array.from({ length: 1 + ((writer + batch) % 9) }, () =>
        anEvent({ tenant: 'tail' }),
      )
      await appendEvents(database.pool, events)
    }
  })
  const done = Promise.all(writers).then(() => {
    writing = false
  })
  while (writing || (await reader.read()) > 0) await reader.read()
  await done
  const { rows } = await database.pool.query(
    `select idempotency_key from event where tenant = 'tail' order by position`,
  )
  expect(reader.seen).toEqual(rows.map((row) => row.idempotency_key))
  expect(new Set(reader.seen).size).toBe(reader.seen.length)
  expect(reader.seen.length).toBeGreaterThan(2_000)
})

// Keys whose fingerprints are all the same: each is still known by itself alone.

import { beforeAll, expect, it } from 'vitest'
import { appendCollected, findCollected } from '../../src/collector/collect.ts'
import { appendEvents } from '../../src/log/append.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const other = Buffer.from('{"other":1}')

// Before a connection has planned with the real one.
beforeAll(async () => {
  await database.admin.pool.query(`
    create or replace function event_key_fingerprint(tenant text, key_hash bytea) returns bigint
    language sql immutable parallel safe return 0`)
})

it.each([
  ['published', appendEvents],
  ['collected', appendCollected],
])('%s events are told apart, in one batch and in turn', async (_, appendThrough) => {
  const append = async (...events: ReturnType<typeof anEvent>[]) =>
    (await appendThrough(database.pool, events)).map(({ outcome }) => outcome)
  const [a, b, c] = [anEvent(), anEvent(), anEvent()]
  expect(await append(a, b, a, { ...b, payload: other })).toEqual([
    ...['appended', 'appended', 'duplicate', 'key_reused'],
  ])
  expect(await append(c, b, { ...a, payload: other }, { ...a, tenant: 'another' })).toEqual([
    ...['appended', 'duplicate', 'key_reused', 'appended'],
  ])
})

it('a collected event is found by its id', async () => {
  const events = [anEvent(), anEvent({ payload: other }), anEvent()]
  await appendCollected(database.pool, events)
  const id = events[1]?.idempotencyKey as string
  expect(await findCollected(database.kysely, 'dodici', id)).toBe(other.toString())
})

// publish_event: a caller's own transaction decides.

import { describe, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const call = (key: string, payload = '{"a":1}') =>
  `select position, duplicate, published_at = time_of(position) as is_the_time
   from publish_event('dodici', 'order.created', 'order-1', '${key}', '${payload}')`

describe('publish_event', () => {
  it('publishes with the commit, and not without it', async () => {
    const client = await database.pool.connect()
    await client.query('begin')
    const { rows } = await client.query(call('kept'))
    expect(rows[0]).toMatchObject({ duplicate: false, is_the_time: true })
    await client.query('commit')
    await client.query('begin')
    await client.query(call('dropped'))
    await client.query('rollback')
    client.release()
    const stored = await database.pool.query('select idempotency_key from event')
    expect(stored.rows).toEqual([{ idempotency_key: 'kept' }])
  })
  it('imports an event that is not live', async () => {
    await database.pool.query(
      `select publish_event('dodici', 'order.created', 'order-1', 'old', '{}', live => false)`,
    )
    const { rows } = await database.pool.query(
      `select live from event where idempotency_key = 'old'`,
    )
    expect(rows).toEqual([{ live: false }])
  })
  it('keeps a trace, and ignores a malformed one', async () => {
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    for (const given of [trace, `${trace}x`]) {
      await database.pool.query(
        `select publish_event('dodici', 'order.traced', 'order-1', $1, '{}', traceparent => $1)`,
        [given],
      )
    }
    const { rows } = await database.pool.query(
      `select traceparent from event where name = 'order.traced' order by position`,
    )
    expect(rows).toEqual([{ traceparent: trace }, { traceparent: null }])
  })
  it('knows a key again, and refuses another payload', async () => {
    const first = await database.pool.query(call('again'))
    const second = await database.pool.query(call('again'))
    expect(second.rows[0]).toMatchObject({ duplicate: true, position: first.rows[0].position })
    await expect(database.pool.query(call('again', '{"a":2}'))).rejects.toMatchObject({
      code: 'MR001',
    })
  })
})

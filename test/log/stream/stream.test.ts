// GET /events/stream: events in order, each once, from the end or after an id, for their tenant and
// filter; and what is refused.

import { describe, expect, it } from 'vitest'
import { call, send } from '../../../scripts/kit/client.ts'
import { openFollower } from '../../../scripts/kit/follower.ts'
import { until } from '../../../scripts/kit/until.ts'
import { timeOf } from '../../../src/log/position.ts'
import { makeKey } from '../../access/callers.ts'
import { useDatabase } from '../../helpers/database.ts'
import { useService } from '../../helpers/service.ts'
import { openStream, positionsAfter, put } from '../../helpers/streams.ts'

const database = useDatabase()
const service = useService('serve', database)
const other = useService('serve', database)

const publishInSql = (key: string) =>
  database.pool.query(
    `select * from publish_event('dodici', 'order.created', 'o-1', $1, '{"a":1}')`,
    [key],
  )

describe('a stream', () => {
  it('gives what is published from now on, to the tenant alone', async () => {
    await put(service.url, 'before')
    const stream = await openStream(service.url)
    const rival = await openStream(service.url, { tenant: 'rival' })
    const position = await put(service.url, 'after')
    await put(service.url, 'of the rival', { tenant: 'rival' })
    await Promise.all([stream.has(1), rival.has(1)])
    expect(stream.ids()).toEqual([position])
    expect(JSON.parse(stream.events[0]?.data ?? '')).toEqual({
      position,
      published_at: timeOf(position),
      name: 'order.created',
      entity_id: 'order-1',
      idempotency_key: 'after',
      correlation_ids: {},
      team: 'team-orders',
      service: 'shop',
      payload: { key: 'after' },
    })
    expect(rival.events.map(({ data }) => JSON.parse(data).idempotency_key)).toEqual([
      'of the rival',
    ])
  })

  it('has the headers that proxies need, and ends its connection', async () => {
    const { headers } = await openStream(service.url)
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      connection: 'close',
    })
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    const head = await send(`${service.url}/events/stream`, { method: 'HEAD' })
    expect([head.status, head.headers['content-type']]).toEqual([200, headers['content-type']])
  })

  it('passes payloads on to the byte, on one line', async () => {
    const stream = await openStream(service.url)
    const payload = '{"b":25.080,"a":"\\u0000 \u2028","b":\r\n12345678901234567890}'
    await put(service.url, 'odd', { payload })
    await stream.has(1)
    const line = payload.replace('\r\n', '  ')
    expect(stream.events[0]?.data.endsWith(`"payload":${line}}`)).toBe(true)
  })

  it('goes on after an id, which goes before `after`', async () => {
    const first = await put(service.url, 'first')
    const second = await put(service.url, 'second')
    const third = await put(service.url, 'third')
    const byQuery = await openStream(service.url, { query: `?after=${first}` })
    const byId = await openStream(service.url, { query: `?after=${first}`, lastId: second })
    const noId = await openStream(service.url, {
      query: `?after=${second}`,
      headers: { 'last-event-id': '' },
    })
    await Promise.all([byQuery.has(2), byId.has(1), noId.has(1)])
    expect(byQuery.ids()).toEqual([second, third])
    expect(byId.ids()).toEqual([third])
    expect(noId.ids()).toEqual([third])
  })

  it('passes over imported events, at the tail and behind it', async () => {
    const stream = await openStream(service.url)
    const first = await put(service.url, 'live')
    await put(service.url, 'imported', { headers: { live: 'false' } })
    const last = await put(service.url, 'live again')
    await stream.has(2)
    expect(stream.ids()).toEqual([first, last])
    for (const query of [`?after=${first - 1}`, `?after=${first - 1}&name=order.*`]) {
      const late = await openStream(other.url, { query })
      await late.has(2)
      expect(late.ids()).toEqual([first, last])
    }
  })

  it('waits for a position that the log has not reached', async () => {
    const far = Date.now() * 1_000 + 3_600_000_000
    const stream = await openStream(service.url, { query: `?after=${far}` })
    const witness = await openStream(service.url)
    await put(service.url, 'too early')
    await witness.has(1)
    expect(stream.events).toEqual([])
    expect(stream.lastId).toBe(far)
  })

  it('gives only what passes its filter, from the log and from now on', async () => {
    const start = await put(service.url, 'start')
    const events = [
      { key: 'f1', name: 'order.created', entityId: 'o-7' },
      { key: 'f2', name: 'order.completed', entityId: 'o-8' },
      { key: 'f3', name: 'invoice.created', headers: { 'correlation-ids': '{"order_id":"o-7"}' } },
      { key: 'f4', name: 'customer.updated', entityId: 'c-1' },
      { key: 'f5', name: 'order.created', headers: { 'correlation-ids': '{"customer_id":"c-1"}' } },
    ]
    const expected: Record<string, string[]> = {
      'name=order.*': ['f1', 'f2', 'f5'],
      'name=order.completed&name=invoice.created': ['f2', 'f3'],
      'order_id=o-7': ['f1', 'f3'],
      'customer_id=c-1': ['f4', 'f5'],
      'entity_id=o-8&entity=order': ['f2'],
      'entity_id=o-8&entity=customer': [],
    }
    const open = async (query: string) => {
      const stream = await openStream(service.url, { query: `?after=${start}&${query}` })
      return { stream, query }
    }
    const live = await Promise.all(Object.keys(expected).map(open))
    for (const { key, ...more } of events) await put(service.url, key, more)
    const behind = await Promise.all(Object.keys(expected).map(open))
    for (const { stream, query } of [...live, ...behind]) {
      const keys = expected[query] ?? []
      await stream.has(keys.length)
      expect(stream.events.map(({ data }) => JSON.parse(data).idempotency_key)).toEqual(keys)
    }
  })

  it('has every event once in order, from any process, while others come and go', async () => {
    const start = await put(service.url, 'the start')
    const streams = [await openStream(service.url)]
    const publishing = Promise.all(
      Array.from({ length: 4 }, async (_, publisher) => {
        for (let n = 0; n < 60; n++) {
          const key = `many-${publisher}-${n}`
          if (publisher === 3) await publishInSql(key)
          else await put(publisher === 2 ? other.url : service.url, key)
        }
      }),
    )
    for (let n = 0; n < 12; n++) {
      const url = n % 2 === 0 ? service.url : other.url
      const lastId = n % 3 === 0 ? start : streams.at(-1)?.lastId
      streams.push(await openStream(url, { lastId }))
    }
    await publishing
    const all = await positionsAfter(database.pool, start)
    expect(all).toHaveLength(240)
    for (const stream of streams) {
      await until('it has the last event', () => stream.lastId >= (all.at(-1) ?? 0))
      const ids = stream.ids()
      // From its first one on nothing is missing, and nothing comes twice.
      expect(ids).toEqual(all.slice(all.length - ids.length))
    }
    expect(streams[1]?.ids()).toEqual(all)
  })
})

describe('what is refused', () => {
  const ask = (query: string, sent: Parameters<typeof call>[1] = {}) =>
    call(`${service.url}/events/stream${query}`, sent)

  it('names the field, in the form of the configuration', async () => {
    const wrong = {
      '?after=x': 'after must be a position',
      '?after=-1': 'after must be a position',
      '?after=1&after=2': 'after must be a position',
      '?after=': 'after must be a position',
      '?after=9007199254740992': 'after must be a position',
      '?name=order': 'name must be a name',
      '?limit=10': 'limit is not a parameter',
      '?entity_id=': 'entity_id is empty',
    }
    for (const [query, message] of Object.entries(wrong)) {
      const { status, body } = await ask(query)
      expect([status, body['error_code']]).toEqual([400, 'invalid_request'])
      expect(body['message']).toContain(message)
    }
    const { status, body } = await ask('', { headers: { 'last-event-id': '1, 2' } })
    expect([status, body['message']]).toEqual([
      400,
      'last-event-id must be a position, such as 1763640000123456.',
    ])
  })

  it('has no token, one without the scope, or one of another tenant', async () => {
    const publisher = await makeKey(service.url, { scopes: ['publish'] })
    const rival = await makeKey(service.url, { tenants: ['rival'] })
    const answers = await Promise.all([
      ask('', { token: null }),
      ask('', { token: publisher.token }),
      ask('', { token: rival.token }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([401, 403, 403])
    expect(answers[2]?.body).toHaveProperty('error_code', 'forbidden')
  })

  it('is another method', async () => {
    const { status } = await send(`${service.url}/events/stream`, { method: 'DELETE' })
    expect(status).toBe(405)
  })
})

describe('a token that ends', () => {
  const endings: Record<string, (id: string) => Promise<unknown>> = {
    'is revoked by another process': (id) =>
      call(`${other.url}/api/v1/api-keys/${id}`, { method: 'DELETE' }),
    expires: async () => undefined,
  }
  it.each(Object.keys(endings))('ends the stream within seconds when it %s', async (how) => {
    const expires_at = new Date(Date.now() + 3_000).toISOString()
    const key = await makeKey(service.url, how === 'expires' ? { expires_at } : {})
    const stream = await openStream(service.url, { token: key.token })
    const begun = performance.now()
    await endings[how]?.(key.id)
    await stream.ended
    expect(performance.now() - begun).toBeLessThan(15_000)
    expect(stream.rest).toContain(': the token is not valid any more\n')
    const refused = openFollower(service.url, { token: key.token })
    await refused.ended
    expect(refused.status).toBe(401)
  })
})

// An event's journey, from the publisher's request to the integrator's receiver, on the running
// service.

import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../scripts/kit/client.ts'
import { ok, payloadOf, type Receiver, startReceiver, status } from '../scripts/kit/receiver.ts'
import { until } from '../scripts/kit/until.ts'
import { limits } from '../src/config.ts'
import { useDatabase } from './helpers/database.ts'
import { useService } from './helpers/service.ts'

const database = useDatabase()
const service = useService('start', database, () => ({
  MILLRACE_RETRY_BASE_MS: '5',
  MILLRACE_SWEEP_MS: '100',
}))
let receiver: Receiver
let id = ''
afterEach(async () => {
  await control('', 'DELETE')
  await receiver.close()
})

async function integrate(more: Record<string, unknown> = {}) {
  receiver = await startReceiver()
  id = `i-${randomUUID()}`
  await register(service.url, id, receiver.url, more)
}
const control = (action: string, method = 'POST') =>
  call(`${service.url}${EVENTSTREAM}/${id}${action}`, { method })
const statusOf = async () => (await control('', 'GET')).body['status']
const send = async (payload: string | Buffer, more: Record<string, string> = {}) => {
  const reply = await publish(service.url, { key: randomUUID(), payload, ...more })
  expect(reply.status).toBe(201)
  return reply.body.position
}
const arrival = (position: number) =>
  until(`event ${position} arrives`, () => receiver.received.find((r) => r.position === position))

describe('a payload', () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
  const planes = Array.from({ length: 17 }, (_, plane) =>
    String.fromCodePoint(plane * 0x10000 + 0xfffd - (plane > 0 ? 0x1000 : 0)),
  )
  it.each([
    ['duplicate keys', '{"a":1,"a":2}'],
    ['the spelling of numbers', '{"a":25.080,"b":12345678901234567890,"c":1E+2,"d":-0.0}'],
    ['escapes', '{"a":"\\u0000\\u00e9\\/\\ud83d\\ude00","lone":"\\ud800"}'],
    ['white space', ' {\n\t"a" : [ ]\r\n } '],
    ['depth', nested(limits.jsonDepth - 1)],
    ['size', JSON.stringify({ big: 'ä€😀'.repeat(102_400) })],
    ['every plane of Unicode', JSON.stringify({ planes })],
    ['odd keys', '{"":0,"__proto__":{"a":1},"constructor":null}'],
  ])('arrives to the byte: %s', async (_, payload) => {
    await integrate()
    const received = await arrival(await send(payload))
    expect(payloadOf(received).equals(Buffer.from(payload))).toBe(true)
  })
})

describe('a filter', () => {
  it('takes what either list names', async () => {
    await integrate({
      filter_conditions: { event_filter: ['order.created'], entity_filter: ['return'] },
    })
    const names = [
      'order.opened',
      'return.processed',
      'order.created',
      'returns.x',
      'invoice.created',
    ]
    const positions = new Map<string, number>()
    for (const name of names) positions.set(name, await send('{}', { name }))
    await send('{}', { name: 'return.processed' })
    await until('three have arrived', () => receiver.received.length >= 3)
    const wanted = ['return.processed', 'order.created'].map((name) => positions.get(name))
    expect(receiver.received.slice(0, 2).map(({ position }) => position)).toEqual(wanted)
  })
})

describe('a target that fails', () => {
  it('gets the same event again, alone, until it takes it; then the rest in order', async () => {
    await integrate()
    let failures = 4
    receiver.answer = (received, response) =>
      failures-- > 0 ? status(503)(received, response) : response.end()
    const positions = []
    for (let i = 0; i < 5; i++) positions.push(await send(`{"i":${i}}`, { entityId: `e-${i}` }))
    await arrival(positions[4] as number)
    const order = receiver.received.map(({ position }) => position)
    expect(order.slice(0, 5)).toEqual(Array(5).fill(positions[0]))
    expect([...new Set(order)].sort()).toEqual(positions)
    expect(new Set(receiver.received.slice(0, 5).map((r) => r.headers['webhook-id'])).size).toBe(1)
  })

  it('is given up after ten retries, and goes on with that very event', async () => {
    await integrate()
    receiver.answer = status(500, {}, 'out of paper')
    const first = await send('{"i":0}', { entityId: 'a' })
    const second = await send('{"i":1}', { entityId: 'b' })
    await until('it is stopped', async () => (await statusOf()) === 'stopped', 40_000)
    expect(receiver.received.map(({ position }) => position)).toEqual(Array(11).fill(first))
    const { rows } = await database.pool.query(
      `select reason from config_log where id = $1 order by position desc limit 1`,
      [id],
    )
    expect(rows[0].reason).toMatch(/failed 11 times; no retries are left/)
    const attempts = await database.pool.query(
      'select attempt, status, response from attempt where consumer = $1 order by position',
      [id],
    )
    expect(attempts.rows).toHaveLength(11)
    expect(attempts.rows[10]).toEqual({ attempt: 11, status: 500, response: 'out of paper' })

    receiver.answer = ok
    receiver.received.length = 0
    await control('/_start')
    await arrival(second)
    expect(receiver.received.map(({ position }) => position)).toEqual([first, second])
  })

  it.each([403, 410])('is stopped at once by %i', async (code) => {
    await integrate()
    receiver.answer = status(code)
    await send('{}')
    await until('it is stopped', async () => (await statusOf()) === 'stopped')
    expect(receiver.received).toHaveLength(1)
  })

  it('that rejects thirty events stops, with all of them kept, and drops none', async () => {
    await integrate()
    receiver.answer = status(400, {}, 'no such product')
    for (let i = 0; i < 31; i++) await send(`{"i":${i}}`, { entityId: `e-${i % 7}` })
    await until('it is stopped', async () => (await statusOf()) === 'stopped')
    const kept = async () =>
      (
        await database.pool.query(
          'select count(*)::integer from rejected_event where consumer = $1',
          [id],
        )
      ).rows[0].count
    expect(await kept()).toBe(30)
    await control('/_start')
    await until('it is stopped again', async () => (await statusOf()) === 'stopped')
    expect(await kept()).toBe(30)

    const { body } = await control('/rejected_events', 'GET')
    const [newest] = body['rejected_events'] as { id: string }[]
    await control(`/rejected_events/${newest?.id}`, 'DELETE')
    await control('/_start')
    await until('there was room for one more', async () => (await kept()) === 30)
    await until('it is stopped for the third time', async () => (await statusOf()) === 'stopped')

    receiver.answer = ok
    receiver.received.length = 0
    const next = await send('{"i":31}')
    await control('/rejected_events', 'DELETE')
    await control('/_start')
    await arrival(next)
    expect(receiver.received).toHaveLength(1)
  })
})

describe('a stop', () => {
  it('lets nothing leave, and a start goes on where it stopped', async () => {
    await integrate()
    await arrival(await send('{}'))
    expect((await control('/_stop')).body['status']).toBe('stopped')
    const before = receiver.received.length
    const positions = [await send('{"i":1}'), await send('{"i":2}')]
    expect(receiver.received.length).toBe(before)
    await control('/_start')
    await arrival(positions[1] as number)
    expect(receiver.received.slice(before).map(({ position }) => position)).toEqual(positions)
  })

  it('waits for the request that is under way', async () => {
    await integrate()
    let answer = () => {}
    receiver.answer = (_, response) => {
      answer = () => response.end()
    }
    await send('{}')
    await until('it is under way', () => receiver.received.length > 0)
    const stopping = control('/_stop')
    await until('the stop is written down', async () => {
      const { rows } = await database.pool.query('select status from integration where id = $1', [
        id,
      ])
      return rows[0].status === 'stopped'
    })
    expect(await statusOf()).toBe('running')
    answer()
    expect((await stopping).body['status']).toBe('stopped')
  })
})

describe('a start in the past', () => {
  it('replays from that date, with the same ids', async () => {
    const day = { name: `audit.n-${randomUUID()}` }
    await integrate({ filter_conditions: { event_filter: [day.name] } })
    const positions = [await send('{"i":1}', day), await send('{"i":2}', day)]
    await arrival(positions[1] as number)
    const first = receiver.received
    await receiver.close()
    await control('', 'DELETE')
    const starts_at = new Date(Math.floor((positions[0] as number) / 1000)).toISOString()
    await integrate({ starts_at, filter_conditions: { event_filter: [day.name] } })
    await arrival(positions[1] as number)
    const ids = (received: typeof first) => received.map((r) => r.headers['webhook-id'])
    expect(ids(receiver.received)).toEqual(ids(first))
  })
})

describe('the sweep', () => {
  it('finds what was published inside a transaction, without any wake-up', async () => {
    await integrate()
    const { rows } = await database.pool.query(
      `select position from publish_event('dodici', 'order.created', 'o-1', $1, '{"by":"sql"}')`,
      [randomUUID()],
    )
    expect(payloadOf(await arrival(rows[0].position)).toString()).toBe('{"by":"sql"}')
  })
})

// POST /events/{event_name} on the running service: every refusal with its details, and nothing
// stored by it.

import { randomUUID } from 'node:crypto'
import net from 'node:net'
import { describe, expect, it } from 'vitest'
import { call, publish } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)

const stored = async () =>
  (await database.pool.query('select count(*)::integer from event')).rows[0].count

describe('a good request', () => {
  it('is answered with 201, the position, and the position as a time', async () => {
    const reply = await publish(service.url, { key: randomUUID(), payload: '{"id":1}' })
    expect(reply.status).toBe(201)
    const { position, published_at, duplicate } = reply.body
    expect(duplicate).toBe(false)
    expect(Date.parse(published_at)).toBe(Math.floor(position / 1000))
    expect(reply.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('stores every header', async () => {
    const headers = {
      'correlation-ids': '{ "order_id": "o-1", "customer_id": "cläre" }',
      'entity-id': 'bestellung-ß',
    }
    const utf8 = Object.entries(headers).map(([k, v]) => [k, Buffer.from(v).toString('latin1')])
    const key = randomUUID()
    const options = { key, payload: '{}', headers: Object.fromEntries(utf8) }
    expect((await publish(service.url, options)).status).toBe(201)
    const { rows } = await database.pool.query('select * from event where idempotency_key = $1', [
      key,
    ])
    expect(rows[0]).toMatchObject({
      tenant: 'dodici',
      team: 'team-orders',
      service: 'shop',
      entity_id: 'bestellung-ß',
      correlation_ids: { order_id: 'o-1', customer_id: 'cläre' },
    })
  })

  it('is known again; with another payload it is refused', async () => {
    const key = randomUUID()
    const first = await publish(service.url, { key, payload: '{"a":1}' })
    const again = await publish(service.url, { key, payload: '{"a":1}' })
    expect(again).toMatchObject({ status: 201, body: { ...first.body, duplicate: true } })
    const other = await publish(service.url, { key, payload: '{"a":2}' })
    expect(other).toMatchObject({
      status: 400,
      body: { details: [{ field: 'idempotency-key', code: 'idempotency_key_reused' }] },
    })
  })
})

describe('a bad request', () => {
  const bad: [
    string,
    { headers?: Record<string, string>; name?: string; payload?: string },
    string,
  ][] = [
    ['no team', { headers: { team: '' } }, 'team'],
    ['no service', { headers: { service: '' } }, 'service'],
    ['no entity', { headers: { 'entity-id': ' ' } }, 'entity-id'],
    ['no tenant', { headers: { tenant: '' } }, 'tenant'],
    ['no key', { headers: { 'idempotency-key': '' } }, 'idempotency-key'],
    ['a tenant that is no word', { headers: { tenant: 'a b' } }, 'tenant'],
    ['a long key', { headers: { 'idempotency-key': 'x'.repeat(256) } }, 'idempotency-key'],
    ['a header that is not UTF-8', { headers: { team: '\xff' } }, 'team'],
    [
      'correlation ids that are no JSON',
      { headers: { 'correlation-ids': '{' } },
      'correlation-ids',
    ],
    ['an array of them', { headers: { 'correlation-ids': '[]' } }, 'correlation-ids'],
    [
      'a number among them',
      { headers: { 'correlation-ids': '{"order_id":1}' } },
      'correlation-ids',
    ],
    ['an unknown type', { headers: { 'correlation-ids': '{"shop_id":"1"}' } }, 'correlation-ids'],
    ['a name without action', { name: 'order' }, 'event_name'],
    ['a name without entity', { name: '.created' }, 'event_name'],
    ['a name with a hole', { name: 'order..created' }, 'event_name'],
    ['a name with a space', { name: 'order.%20' }, 'event_name'],
    ['no body', { payload: '' }, 'body'],
    ['no JSON', { payload: '{"a":' }, 'body'],
    ['an array', { payload: '[{}]' }, 'body'],
    ['a number', { payload: '17' }, 'body'],
    ['null', { payload: 'null' }, 'body'],
    ['a byte order mark', { payload: '\ufeff{}' }, 'body'],
  ]
  it.each(bad)('%s', async (_, changes, field) => {
    const before = await stored()
    const reply = await publish(service.url, { key: randomUUID(), payload: '{}', ...changes })
    expect(reply).toMatchObject({
      status: 400,
      body: { status: '400', message: expect.stringContaining(field), details: [{ field }] },
    })
    expect(await stored()).toBe(before)
  })

  it('is told every fault at once', async () => {
    const reply = await call(`${service.url}/events/order`, { headers: { tenant: '' }, body: '[' })
    const { details } = reply.body as { details: { field: string }[] }
    expect(details.map(({ field }) => field).sort()).toEqual(
      ['body', 'entity-id', 'event_name', 'idempotency-key', 'service', 'team', 'tenant'].sort(),
    )
  })

  it('does not quote the body back', async () => {
    const payload = '{"name":"Johanna Doe" "x":1}'
    const reply = await publish(service.url, { key: randomUUID(), payload })
    expect(JSON.stringify(reply.body)).not.toContain('Doe')
  })

  it('is not UTF-8', async () => {
    const payload = Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])
    const reply = await publish(service.url, { key: randomUUID(), payload })
    expect(reply).toMatchObject({ status: 400, body: { details: [{ code: 'not_utf8' }] } })
  })

  it('is too large: 413, whether or not it said so before', async () => {
    const before = await stored()
    const payload = JSON.stringify({ big: 'x'.repeat(2 * 1024 * 1024) })
    const reply = await publish(service.url, { key: randomUUID(), payload })
    expect(reply).toMatchObject({ status: 413, body: { details: [{ code: 'too_large' }] } })
    const chunked = await fetch(`${service.url}/events/order.created`, {
      method: 'POST',
      headers: { authorization: 'Bearer an-admin-token-for-tests' },
      body: new Blob([payload]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(413)
    expect(await stored()).toBe(before)
  })

  it('breaks off in the middle: nothing is stored, and nothing is logged as a fault', async () => {
    const before = await stored()
    const { port, hostname } = new URL(service.url)
    const socket = net.connect(Number(port), hostname)
    const head = ['POST /events/order.created HTTP/1.1', 'host: a', 'content-length: 1000']
    const token = 'authorization: Bearer an-admin-token-for-tests'
    await new Promise<void>((resolve) => {
      socket.write([...head, token, '', '{"half":'].join('\r\n'), () => resolve())
    })
    socket.destroy()
    expect((await publish(service.url, { key: randomUUID(), payload: '{}' })).status).toBe(201)
    expect(await stored()).toBe(before + 1)
    expect(service.output()).not.toMatch(/"level":50/)
  })

  it('is nested deeper than 256 levels', async () => {
    const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
    const post = (levels: number) =>
      publish(service.url, { key: randomUUID(), payload: nested(levels) })
    expect((await post(256)).status).toBe(201)
    // Postgres would take the first, and refuse the others with all that is in their batch.
    for (const levels of [257, 22_000, 170_000]) {
      expect(await post(levels)).toMatchObject({
        status: 400,
        body: { details: [{ field: 'body', code: 'too_deep' }] },
      })
    }
  })

  it('has no token, or an unknown one: 401', async () => {
    for (const token of [null, 'unknown']) {
      const reply = await call(`${service.url}/events/order.created`, { token, body: '{}' })
      expect(reply).toMatchObject({ status: 401, body: { status: '401' } })
      expect(reply.headers['www-authenticate']).toMatch(/^Bearer/)
    }
  })

  it('has a method or a path that is not there', async () => {
    const url = `${service.url}/events/order.created`
    expect(await call(url, { method: 'PUT', body: '{}' })).toMatchObject({
      status: 405,
      headers: { allow: 'POST, HEAD, GET' },
      body: { status: '405' },
    })
    expect(await call(`${service.url}/event`)).toMatchObject({ status: 404 })
    expect(await call(`${service.url}/events/%ff`, { body: '{}' })).toMatchObject({ status: 400 })
  })
})

describe('the database', () => {
  it('is gone for a moment: 503, nothing lost, and on it goes', async () => {
    const cut = () =>
      database.admin.pool.query(`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`)
    const keys = Array.from({ length: 200 }, () => randomUUID())
    const all = Promise.all(keys.map((key) => publish(service.url, { key, payload: '{}' })))
    await cut()
    const statuses = new Set((await all).map(({ status }) => status))
    expect([...statuses].every((code) => code === 201 || code === 503)).toBe(true)
    const answered = (await all).filter(({ status }) => status === 201)
    const text = 'select count(*)::integer from event where position = any($1)'
    const positions = answered.map(({ body }) => body.position)
    // The pool of this test may yet hold a connection that was ended, too.
    const { rows } = await until('an answer', () =>
      database.pool.query(text, [positions]).catch(() => undefined),
    )
    expect(rows[0].count).toBe(answered.length)
    expect((await publish(service.url, { key: randomUUID(), payload: '{}' })).status).toBe(201)
  })
})

describe('health', () => {
  it('answers, and is ready', async () => {
    for (const path of ['/healthz', '/readyz']) {
      expect(await call(service.url + path, { token: null })).toMatchObject({
        status: 200,
        body: { status: 'ok' },
      })
    }
  })
  it('is documented', async () => {
    const { body } = await call<{ openapi: string; paths: Record<string, object> }>(
      `${service.url}/openapi.json`,
      { token: null },
    )
    expect(body.openapi).toBe('3.1.0')
    expect(Object.keys(body.paths)).toContain('/events/{event_name}')
  })
})

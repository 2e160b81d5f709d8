// Registered event types: how they come, change and go, and what everybody sees of them.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { limits } from '../../src/config.ts'
import { knownEventTypes } from '../../src/log/catalog.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const schema = { type: 'object', required: ['id'], properties: { id: { type: 'string' } } }

type Options = { tenant?: string; headers?: Record<string, string> }

const on = (
  method: string,
  name: string,
  body?: unknown,
  { tenant = 'dodici', headers }: Options = {},
) =>
  call(`${service.url}/event-types/${name}`, {
    method,
    headers: { tenant, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
const put = (name: string, fields: object = {}, options: Options = {}) =>
  on('PUT', name, { schema, on_violation: 'reject', ...fields }, options)
const log = async (tenant: string) => {
  const { rows } = await database.pool.query(
    `select id, version, action, status, actor, reason, document from config_log
     where tenant = $1 and kind = 'event_type' order by position`,
    [tenant],
  )
  return rows
}

describe('an event type', () => {
  it('is registered, replaced and removed, each with an entry of the config log', async () => {
    const first = await put('order.created', { description: 'Ours.' })
    expect(first.status).toBe(200)
    expect(first.headers['etag']).toBe('"1"')
    expect(first.body).toEqual({
      name: 'order.created',
      entity: 'order',
      description: 'Ours.',
      deprecated: false,
      last_published_at: null,
      schema,
      on_violation: 'reject',
    })
    const second = await put('order.created', { on_violation: 'warn', deprecated: true })
    expect(second.headers['etag']).toBe('"2"')
    expect(second.body).toMatchObject({ description: 'An order was placed.', deprecated: true })
    expect((await on('GET', 'order.created')).headers['etag']).toBe('"2"')
    expect((await on('DELETE', 'order.created')).status).toBe(204)
    expect((await on('DELETE', 'order.created')).status).toBe(404)
    const known = await on('GET', 'order.created')
    expect([known.status, known.headers['etag'], known.body['schema']]).toEqual([
      200,
      undefined,
      undefined,
    ])
    expect((await put('order.created')).headers['etag']).toBe('"4"')
    const entries = await log('dodici')
    expect(entries.map(({ version, action, status }) => [version, action, status])).toEqual([
      [1, 'event_type_registered', 'running'],
      [2, 'event_type_changed', 'running'],
      [3, 'event_type_removed', 'removed'],
      [4, 'event_type_registered', 'running'],
    ])
    expect(entries[0]).toMatchObject({
      id: 'event_type:order.created',
      reason: 'Registered via API.',
    })
    expect(entries[1].document).toMatchObject({ schema, on_violation: 'warn', deprecated: true })
    expect(entries[2].document).toBeNull()
  })

  it('that is registered again as it is changes nothing', async () => {
    await put('gift.sold', {}, { tenant: 'same' })
    expect((await put('gift.sold', {}, { tenant: 'same' })).headers['etag']).toBe('"1"')
    expect(await log('same')).toHaveLength(1)
  })

  it('is in the list, also if nobody knows its name', async () => {
    await put('gift_card.sold', { description: 'A gift card.' }, { tenant: 'listed' })
    const { body } = await call<{ event_types: { name: string }[] }>(`${service.url}/event-types`, {
      headers: { tenant: 'listed' },
    })
    expect(body.event_types).toHaveLength(knownEventTypes.length + 1)
    const listed = body.event_types.find(({ name }) => name === 'gift_card.sold')
    expect(listed).toMatchObject({ schema, on_violation: 'reject', description: 'A gift card.' })
    const page = await call<{ event_types: { name: string }[] }>(
      `${service.url}/event-types?limit=1&after=fulfillment_request.items_ready_for_handover`,
      { headers: { tenant: 'listed' } },
    )
    expect(page.body.event_types.map(({ name }) => name)).toEqual(['gift_card.sold'])
  })

  it('of another tenant is not there', async () => {
    await put('secret.thing', {}, { tenant: 'owner' })
    expect((await on('GET', 'secret.thing', undefined, { tenant: 'rival' })).status).toBe(404)
    expect((await on('DELETE', 'secret.thing', undefined, { tenant: 'rival' })).status).toBe(404)
    expect((await on('GET', 'secret.thing', undefined, { tenant: 'owner' })).status).toBe(200)
  })

  it('counts as known in a filter', async () => {
    const register = (id: string) =>
      call(service.url + EVENTSTREAM, {
        headers: { tenant: 'filters' },
        body: JSON.stringify({
          id,
          integration_type: 'permanent',
          filter_conditions: { event_filter: ['gift_card.sold'], entity_filter: ['gift_card'] },
          callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
        }),
      })
    expect((await register('before')).body['warnings']).toHaveLength(2)
    await put('gift_card.sold', {}, { tenant: 'filters' })
    expect((await register('after')).body['warnings']).toBeUndefined()
    const filter_conditions = { event_filter: ['gift_card.solt'] }
    const misspelt = await call(service.url + EVENTSTREAM, {
      headers: { tenant: 'filters' },
      body: JSON.stringify({
        id: 'misspelt',
        integration_type: 'permanent',
        filter_conditions,
        callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
      }),
    })
    expect(misspelt.body['warnings']).toMatchObject([{ nearest: ['gift_card.sold'] }])
  })

  it('that is deprecated is published all the same', async () => {
    await put('old.thing', { deprecated: true }, { tenant: 'deprecating' })
    const event = { name: 'old.thing', key: 'a', tenant: 'deprecating', payload: '{"id":"a"}' }
    expect((await publish(service.url, event)).status).toBe(201)
  })
})

describe('a registration is refused', () => {
  it.each([
    ['without a schema', { schema: undefined }, 'schema is missing'],
    ['without on_violation', { on_violation: undefined }, 'on_violation is missing'],
    [
      'with another on_violation',
      { on_violation: 'ignore' },
      'on_violation must be one of reject, warn',
    ],
    ['with a schema that is no object', { schema: true }, 'schema must be object'],
    ['with an unknown field', { colour: 1 }, 'colour is not known'],
    ['with a schema that is none', { schema: { type: 'text' } }, 'schema/type must be one of'],
    [
      'with a reference over the network',
      { schema: { $ref: 'http://10.0.0.1/' } },
      'schema/$ref points out of the schema',
    ],
    [
      'with a pattern that backtracks',
      { schema: { pattern: '(a)\\1' } },
      'schema/pattern is not a pattern',
    ],
    ['with what Postgres cannot store', { schema: { const: 'a\0' } }, 'U+0000'],
  ])('%s', async (_, fields, message) => {
    const { status, body } = await put('refused.type', fields, { tenant: 'refused' })
    expect([status, body['error_code']]).toEqual([400, 'invalid_request'])
    expect(body['message']).toContain(message)
    expect(await log('refused')).toEqual([])
  })

  it('of a name that no event can have', async () => {
    const { status, body } = await put('order', {})
    expect([status, body['message']]).toEqual([400, expect.stringContaining('event_name must be')])
  })

  it('beyond the number and the bytes of a tenant', async () => {
    await database.pool.query(
      `insert into registered_event_type
       select 'full', 'many.n' || n, 1, '{"schema": {}, "on_violation": "warn"}', n
       from generate_series(1, $1::integer) n`,
      [limits.registeredTypes],
    )
    const { status, body } = await put('one.more', {}, { tenant: 'full' })
    expect([status, body['error_code']]).toEqual([400, 'too_many_event_types'])
    expect((await put('many.n1', {}, { tenant: 'full' })).status).toBe(200)
    const large = { schema: { title: 'x'.repeat(60_000) } }
    const statuses: number[] = []
    for (let n = 0; n < 18; n++) {
      statuses.push((await put(`large.n${n}`, large, { tenant: 'large' })).status)
    }
    expect(statuses).toEqual([...Array(17).fill(200), 400])
    expect((await put('large.n1', {}, { tenant: 'large' })).status).toBe(200)
    expect((await put('large.n17', large, { tenant: 'large' })).status).toBe(200)
  })
})

describe('If-Match', () => {
  it('changes and removes only the version that it names', async () => {
    const tenant = 'matching'
    const named = (etag: string) => ({ tenant, headers: { 'if-match': etag } })
    expect((await put('a.b', {}, named('*'))).status).toBe(412)
    await put('a.b', {}, { tenant })
    expect((await put('a.b', { on_violation: 'warn' }, named('"2"'))).status).toBe(412)
    expect((await put('a.b', { on_violation: 'warn' }, named('"7", "1"'))).status).toBe(200)
    expect((await on('DELETE', 'a.b', undefined, named('"1"'))).status).toBe(412)
    expect((await on('DELETE', 'a.b', undefined, named('*'))).status).toBe(204)
  })

  it('lets one of two changes win', async () => {
    const tenant = 'racing'
    await put('a.b', {}, { tenant })
    for (let version = 1; version <= 10; version++) {
      const options = { tenant, headers: { 'if-match': `"${version}"` } }
      const replies = await Promise.all(
        ['x', 'y', 'z'].map((text) => put('a.b', { description: text + version }, options)),
      )
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 412, 412])
    }
    expect(await log(tenant)).toHaveLength(11)
  })

  it('is not needed: of many changes at once each has its version', async () => {
    const tenant = 'crowd'
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => put('a.b', { description: `${n}` }, { tenant })),
    )
    const versions = replies.map(({ headers }) => Number(String(headers['etag']).slice(1, -1)))
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
    const stored = await on('GET', 'a.b', undefined, { tenant })
    const last = replies.find(({ headers }) => headers['etag'] === '"20"')
    expect(stored.body['description']).toBe(last?.body['description'])
  })
})

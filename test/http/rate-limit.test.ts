// The limits of publishing and of changes on the running service: who is refused, what they are
// told, and that nobody else notices.

import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, type Reply } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import type { Server } from '../../src/server.ts'
import { API_KEYS, aJwt, JWT_SECRET, makeKey, startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

const RATE = 10
/** One more every 20 seconds. */
const CHANGES = 3
const database = useDatabase()
let limited: Server
let free: Server
beforeAll(async () => {
  const secret = { MILLRACE_JWT_SECRET: JWT_SECRET }
  limited = await startHere(database.url, {
    ...secret,
    MILLRACE_PUBLISH_RATE: String(RATE),
    MILLRACE_CHANGES_PER_MINUTE: String(CHANGES),
  })
  free = await startHere(database.url, secret)
})
afterAll(() => Promise.all([limited.stop(), free.stop()]))

let keys = 0
const publishTo = (url: string, token: string | undefined, tenant: string) =>
  call(`${url}/events/order.created`, {
    ...(token ? { token } : {}),
    headers: {
      tenant,
      team: 'a',
      service: 'b',
      'entity-id': 'c',
      'idempotency-key': `key-${++keys}`,
    },
    body: '{}',
  })
const collect = (token: string) =>
  call(`${free.url}/api/v1/events`, {
    token,
    body: JSON.stringify({
      id: `key-${++keys}`,
      entity_id: 'c',
      entity_name: 'CUSTOMER',
      event_type: 'ENTITY_EVENT',
      event_source: 'APPLICATION',
      event_payload: { operation: 'CREATE', base64_encoded_payload_json: 'e30=' },
    }),
  })
const several = <T>(count: number, ask: () => Promise<T>) =>
  Promise.all(Array.from({ length: count }, ask))
const statuses = (replies: Reply[]) => [...new Set(replies.map((reply) => reply.status))].sort()

describe('the rate of a tenant', () => {
  it('refuses what is beyond it, says when to return, and leaves others alone', async () => {
    const first = await publishTo(limited.url, undefined, 'loud')
    expect(first).toMatchObject({
      status: 201,
      headers: { 'ratelimit-limit': '10', 'ratelimit-remaining': '9', 'ratelimit-reset': '1' },
    })
    const started = performance.now()
    const replies = await several(5 * RATE, () => publishTo(limited.url, undefined, 'loud'))
    const seconds = (performance.now() - started) / 1_000
    const taken = replies.filter(({ status }) => status === 201)
    expect(taken.length).toBeLessThanOrEqual(RATE + seconds * RATE)
    expect(taken.length).toBeGreaterThanOrEqual(RATE - 1)
    const refused = replies.find(({ status }) => status === 429)
    expect(refused).toMatchObject({
      headers: { 'ratelimit-remaining': '0', 'retry-after': '1' },
      body: { status: '429', details: [{ code: 'rate_limited', field: 'request' }] },
    })
    expect((await publishTo(limited.url, undefined, 'quiet')).status).toBe(201)
  })

  it('is not used up by whoever may not publish for the tenant', async () => {
    const { token } = await makeKey(free.url, { tenants: ['rival'], scopes: ['publish'] })
    const replies = await several(3 * RATE, () => publishTo(limited.url, token, 'victim'))
    expect(statuses(replies)).toEqual([403])
    expect(await publishTo(limited.url, undefined, 'victim')).toMatchObject({
      status: 201,
      headers: { 'ratelimit-remaining': '9' },
    })
  })

  it('is asked before the body', async () => {
    const token = await aJwt({ scope: 'publish', tenant: 'early' })
    const { port, hostname } = new URL(limited.url)
    const answerToHead = async () => {
      const socket = net.connect(Number(port), hostname).setTimeout(300, () => socket.destroy())
      socket.write(
        `POST /events/order.created HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\n` +
          'tenant: early\r\ncontent-length: 1000000\r\n\r\n',
      )
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
      })
      await once(socket, 'close')
      return answer
    }
    const answer = await until('it comes too soon', async () => {
      await several(2 * RATE, () => publishTo(limited.url, undefined, 'early'))
      return (await answerToHead()) || undefined
    })
    expect(answer).toMatch(/^HTTP\/1.1 429 /)
    expect(answer).toMatch(/connection: close/i)
  })

  it('lets publishers in again, as fast as it says', async () => {
    await several(5 * RATE, () => publishTo(limited.url, undefined, 'patient'))
    await until('there is a token', async () => {
      return (await publishTo(limited.url, undefined, 'patient')).status === 201
    })
  })
})

describe('the rate of a key', () => {
  const rated = { scopes: ['admin'], rate: 3 }

  it('holds for the key, for tokens that are given for it, and for collected events', async () => {
    const key = await makeKey(free.url, rated)
    expect(key['rate']).toBe(3)
    const given = await call(`${free.url}/oauth2/token`, {
      token: null,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=client_credentials&client_id=${key.id}&client_secret=${key.token}`,
    })
    const token = given.body['access_token'] as string
    const started = performance.now()
    const replies = [
      ...(await several(6, () => publishTo(free.url, key.token, 'dodici'))),
      ...(await several(6, () => publishTo(free.url, token, 'dodici'))),
      ...(await several(6, () => collect(key.token))),
    ]
    const seconds = (performance.now() - started) / 1_000
    expect(statuses(replies)).toEqual([201, 429])
    const taken = replies.filter(({ status }) => status === 201)
    expect(taken.length).toBeLessThanOrEqual(3 + 3 * seconds)
    expect(await publishTo(free.url, undefined, 'dodici')).toMatchObject({ status: 201 })
  })

  it('is handed on: not more, and not less than it by leaving it out', async () => {
    const { token } = await makeKey(free.url, rated)
    expect(await makeKey(free.url, {}, token)).toMatchObject({ rate: 3 })
    expect(await makeKey(free.url, { rate: 2 }, token)).toMatchObject({ rate: 2 })
    const more = { name: 'a', scopes: ['read'], rate: 4 }
    expect(await call(free.url + API_KEYS, { token, body: JSON.stringify(more) })).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('rate') },
    })
    for (const rate of [0, -1, 1.5, '3', 1_000_001]) {
      const body = JSON.stringify({ ...more, rate })
      expect(await call(free.url + API_KEYS, { token, body })).toMatchObject({ status: 400 })
    }
  })

  it('is shared with all keys that it made, and those made', async () => {
    const key = await makeKey(free.url, rated)
    const made = await several(8, () => makeKey(free.url, { scopes: ['admin'] }, key.token))
    const theirs = await Promise.all(
      made.map(({ token }) => makeKey(free.url, { scopes: ['publish'], rate: 2 }, token)),
    )
    const started = performance.now()
    const replies = await Promise.all(
      [key, ...made, ...theirs, ...made, ...theirs].map(({ token }) =>
        publishTo(free.url, token, 'dodici'),
      ),
    )
    const seconds = (performance.now() - started) / 1_000
    expect(statuses(replies)).toEqual([201, 429])
    const taken = replies.filter(({ status }) => status === 201)
    expect(taken.length).toBeLessThanOrEqual(3 + 3 * seconds)
  })

  it('is asked of a bounded number of generations', async () => {
    let { token } = await makeKey(free.url, rated)
    const make = () => makeKey(free.url, { scopes: ['admin'] }, token)
    for (let i = 1; i < limits.keyGenerations; i++) token = (await make()).token
    await expect(make()).rejects.toThrow('generations')
    expect(await publishTo(free.url, token, 'dodici')).toMatchObject({ status: 201 })
  })

  it('and none at all: no header', async () => {
    const { headers } = await publish(free.url, { key: 'free', payload: '{}' })
    expect(Object.keys(headers).filter((name) => name.startsWith('ratelimit'))).toEqual([])
  })
})

describe('changes a minute', () => {
  const integration = (id: string, url = limited.url) =>
    call(url + EVENTSTREAM, {
      headers: { tenant: 'busy' },
      body: JSON.stringify({
        id,
        integration_type: 'permanent',
        callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
      }),
    })
  const change = (path: string, method: string, tenant = 'busy') =>
    call(limited.url + path, { method, headers: { tenant } })

  it('are bounded; what makes things smaller or safer never is', async () => {
    expect(await integration('erp')).toMatchObject({
      status: 200,
      headers: { 'ratelimit-limit': '3', 'ratelimit-remaining': '2' },
    })
    const key = { name: 'made', scopes: ['read'] }
    const made = await call(limited.url + API_KEYS, {
      headers: { tenant: 'busy' },
      body: JSON.stringify(key),
    })
    expect(made.status).toBe(201)
    const started = await several(3 * CHANGES, () => change(`${EVENTSTREAM}/erp/_start`, 'POST'))
    expect(started.filter(({ status }) => status === 200)).toHaveLength(CHANGES - 2)
    expect(started.find(({ status }) => status === 429)).toMatchObject({
      headers: { 'retry-after': expect.stringMatching(/^(1?\d|20)$/) },
      body: { error_code: 'too_many_changes', message: expect.stringContaining('3') },
    })
    expect((await integration('crm')).status).toBe(429)

    expect((await change(`${EVENTSTREAM}/erp/_stop`, 'POST')).status).toBe(200)
    expect((await change(`${EVENTSTREAM}/erp`, 'DELETE')).status).toBe(200)
    expect((await change(`${API_KEYS}/${made.body['id']}`, 'DELETE')).status).toBe(200)
    expect((await change(EVENTSTREAM, 'GET')).status).toBe(200)
    expect((await change(`${EVENTSTREAM}/none/_start`, 'POST', 'other')).status).toBe(404)
  })

  const make = (tenants: string[], token?: string, tenant = '') =>
    call(limited.url + API_KEYS, {
      headers: { tenant },
      body: JSON.stringify({ name: 'made', scopes: ['admin'], tenants }),
      ...(token ? { token } : {}),
    })

  it('count for the tenants that a key is for, whoever makes it, however it names them', async () => {
    const started = performance.now()
    const { token, status } = (await make(['both', 'one'])).body as Record<string, string>
    expect(status).toBe('active')
    const made = await make(['both', 'one'], token)
    const theirs = made.body['token'] as string
    const replies = [
      ...(await several(2, () => make(['one'], theirs))),
      ...(await several(2, () => make(['one'], token, 'one'))),
      ...(await several(2, () => make(['one', 'both'], theirs))),
      ...(await several(2, () => make(['one']))),
    ]
    const seconds = (performance.now() - started) / 1_000
    expect(statuses(replies)).toEqual([201, 429])
    const taken = replies.filter((reply) => reply.status === 201)
    expect(taken.length).toBeLessThanOrEqual(CHANGES - 2 + seconds / 20)
    expect(replies.find((reply) => reply.status === 429)?.body).toMatchObject({
      error_code: 'too_many_changes',
    })
  })

  it('are no limit for an operator who makes keys for many tenants, or for all', async () => {
    const tenants = Array.from({ length: 3 * CHANGES }, (_, i) => [`tenant-${i}`])
    const replies = await Promise.all(
      [...tenants, ...Array(3 * CHANGES).fill(['*'])].map((one) => make(one)),
    )
    expect(statuses(replies)).toEqual([201])
  })

  it('are as many as one likes without a limit', async () => {
    expect((await integration('erp', free.url)).status).toBe(200)
    for (let i = 0; i < 150; i++) {
      const path = `${free.url}${EVENTSTREAM}/erp/${i % 2 ? '_start' : '_stop'}`
      const reply = await call(path, { method: 'POST', headers: { tenant: 'busy' } })
      expect(reply.status).toBe(200)
    }
  })
})

it('stands in the document of each operation that it bounds', async () => {
  const { body } = await call(`${limited.url}/openapi.json`, { token: null })
  const paths = body['paths'] as Record<string, Record<string, { responses: object }>>
  const bounded = limited.routes.filter((route) => route.limited)
  expect(bounded.length).toBeGreaterThan(10)
  for (const { path, method } of bounded) {
    const { responses } = paths[path.replace(/:(\w+)/g, '{$1}')]?.[method] ?? {}
    expect(responses).toHaveProperty('429')
  }
})

// A publish request is served without koa if its path is plain, and by koa if a character of it is
// escaped. Nobody may see which: the same request has the same answer.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'

const database = useDatabase()
let service: Service
let tokens: Record<'limited' | 'narrow' | 'reader', string>
beforeAll(async () => {
  service = await startService('serve', {
    DATABASE_URL: database.url,
    MILLRACE_MAX_EVENT_BYTES: '20000',
  })
  const key = async (more: Record<string, unknown>) => (await makeKey(service.url, more)).token
  tokens = {
    limited: await key({ scopes: ['publish'], tenants: ['dodici'], rate: 1 }),
    narrow: await key({ scopes: ['publish'], tenants: ['dodici'], teams: ['another'] }),
    reader: await key({ scopes: ['read'], tenants: ['dodici'] }),
  }
})
afterAll(() => service.kill('SIGTERM'))

type Asked = { token?: string | null; headers?: Record<string, string>; body?: string }

const PLAIN = '/events/order.created'
const ESCAPED = '/events/order%2Ecreated'

/**
 * The answer without what differs from request to request: a refusal closes the connection if it
 * comes before the body is there.
 */
async function answerOf(path: string, { token, headers, body = '{}' }: Asked) {
  const reply = await call(service.url + path, {
    method: 'POST',
    ...(token === undefined ? {} : { token }),
    headers: {
      team: 'team-orders',
      service: 'shop',
      'entity-id': 'e',
      'idempotency-key': randomUUID(),
      ...headers,
    },
    body,
  })
  const { 'x-request-id': id, 'content-length': length, ...kept } = reply.headers
  for (const name of ['date', 'connection', 'keep-alive']) delete kept[name]
  const text = JSON.stringify(reply.body)
  expect(Number(length)).toBe(Buffer.byteLength(text))
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  return {
    status: reply.status,
    headers: kept,
    body: text.replace(/\d{16}/g, 'position').replace(/"20\d\d-[^"]*Z"/, 'time'),
  }
}

const cases: [what: string, status: number, Asked][] = [
  ['a good request', 201, {}],
  ['a body that is no JSON', 400, { body: '{"a":' }],
  ['a fault told in other letters', 400, { headers: { 'correlation-ids': '{"größe":"ü"}' } }],
  ['no team and no key', 400, { headers: { team: '', 'idempotency-key': '' } }],
  ['the other header of the tenant', 201, { headers: { tenant: '', 'x-twc-tenant': 'dodici' } }],
  ['two tenants', 400, { headers: { 'x-twc-tenant': 'other' } }],
  ['a body beyond the limit', 413, { body: `{"a":"${'x'.repeat(20_000)}"}` }],
  ['no token', 401, { token: null }],
  ['an unknown token', 401, { token: 'nobody' }],
]

describe('both ways', () => {
  it.each(cases)('answer alike: %s', async (_, status, asked) => {
    const direct = await answerOf(PLAIN, asked)
    expect(direct.status).toBe(status)
    expect(direct).toEqual(await answerOf(ESCAPED, asked))
  })

  it('answer alike: a token that may not', async () => {
    for (const token of [tokens.narrow, tokens.reader]) {
      const direct = await answerOf(PLAIN, { token })
      expect(direct.status).toBe(403)
      expect(direct).toEqual(await answerOf(ESCAPED, { token }))
    }
  })

  it('share the limit of a key, and say how it stands', async () => {
    const first = await answerOf(PLAIN, { token: tokens.limited })
    expect(first).toMatchObject({ status: 201, headers: { 'ratelimit-limit': '1' } })
    for (const path of [ESCAPED, PLAIN]) {
      const next = await answerOf(path, { token: tokens.limited })
      expect(next).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })
    }
  })

  it('know the same keys', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    expect((await answerOf(PLAIN, { headers })).body).toContain('"duplicate":false')
    expect((await answerOf(ESCAPED, { headers })).body).toContain('"duplicate":true')
    const other = { headers, body: '{"a":1}' }
    const direct = await answerOf(PLAIN, other)
    expect(direct.status).toBe(400)
    expect(direct).toEqual(await answerOf(ESCAPED, other))
  })
})

it('leaves another method, a longer path and a query to koa', async () => {
  const put = await call(service.url + PLAIN, { method: 'PUT', body: '{}' })
  expect(put).toMatchObject({ status: 405, headers: { allow: 'POST, HEAD, GET' } })
  const longer = await call(`${service.url}${PLAIN}/more`, { method: 'POST', body: '{}' })
  expect(longer.status).toBe(404)
  expect((await answerOf(`${PLAIN}?a=b`, {})).status).toBe(201)
})

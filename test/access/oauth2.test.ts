// POST /oauth2/token: RFC 6749, sections 4.4 and 5.2.

import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { JWT_SECRET, type MadeKey, makeKey, revoke, startHere } from './callers.ts'

const database = useDatabase()
/** Signs with a key that is derived, and with a shared secret. */
let derived: Server
let shared: Server
let key: MadeKey
beforeAll(async () => {
  derived = await startHere(database.url)
  shared = await startHere(database.url, {
    MILLRACE_JWT_SECRET: JWT_SECRET,
    MILLRACE_JWT_ISSUER: 'https://id.example.com',
    MILLRACE_JWT_AUDIENCE: 'millrace',
  })
  key = await makeKey(derived.url, {
    scopes: ['configure', 'publish'],
    teams: ['team-orders'],
    event_names: ['order.*'],
  })
})
afterAll(() => Promise.all([derived.stop(), shared.stop()]))

type Form = Record<string, string> | string
const ask = (form: Form, headers: Record<string, string> = {}, url = derived.url) =>
  call(`${url}/oauth2/token`, {
    token: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  })
const grant = { grant_type: 'client_credentials' }
const inForm = ({ id, token } = key) => ({ ...grant, client_id: id, client_secret: token })
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const list = (token: unknown, url = derived.url) =>
  call(url + EVENTSTREAM, { token: token as string, headers: { tenant: '' } })

describe('a token for client credentials', () => {
  it('allows what the key does, for a quarter of an hour', async () => {
    for (const { url } of [derived, shared]) {
      const reply = await ask(inForm(), {}, url)
      expect(reply).toMatchObject({
        status: 200,
        headers: { 'cache-control': 'no-store', pragma: 'no-cache' },
        body: { token_type: 'Bearer', expires_in: 900, scope: 'configure publish' },
      })
      const token = reply.body['access_token'] as string
      const { exp = 0, iat = 0, ...claims } = decodeJwt(token)
      expect(exp - iat).toBe(900)
      expect(claims).toMatchObject({ tenant: ['dodici'], event_names: ['order.*'] })
      expect(token).not.toContain(key.token)
      expect((await list(token, url)).status).toBe(200)
      const publish = (team: string) =>
        call(`${url}/events/order.created`, {
          token,
          headers: { team, service: 'shop', 'entity-id': '1', 'idempotency-key': url + team },
          body: '{}',
        })
      expect((await publish('team-orders')).status).toBe(201)
      expect((await publish('team-stock')).status).toBe(403)
    }
    // Tokens of one are nothing to the other: their keys differ.
    const { body } = await ask(inForm(), {}, shared.url)
    expect((await list(body['access_token'])).status).toBe(401)
  })

  it('by HTTP Basic, with the whole key or its last part', async () => {
    const secret = key.token.slice(`mr_${key.id}_`.length)
    expect((await ask(grant, basic(key.id, key.token))).status).toBe(200)
    expect((await ask(grant, basic(key.id, secret))).status).toBe(200)
    expect((await ask(grant, basic(key.id, secret.replaceAll('_', '%5F')))).status).toBe(200)
    expect((await ask({ ...inForm(), client_secret: secret })).status).toBe(200)
    expect((await ask({ ...grant, client_id: key.id }, basic(key.id, secret))).status).toBe(200)
  })

  it('with fewer scopes', async () => {
    const { body } = await ask({ ...inForm(), scope: 'publish' })
    expect(body).toMatchObject({ scope: 'publish' })
    expect((await list(body['access_token'])).status).toBe(403)
    const implied = await ask({ ...inForm(), scope: 'read' })
    expect(implied.body).toMatchObject({ scope: 'read' })
    expect((await list(implied.body['access_token'])).status).toBe(200)
  })

  it('ends with its key', async () => {
    const short = await makeKey(derived.url, {
      expires_at: new Date(Date.now() + 60_000).toISOString(),
    })
    const { body } = await ask(inForm(short))
    expect(body['expires_in']).toBeGreaterThan(0)
    expect(body['expires_in']).toBeLessThanOrEqual(60)
    expect((await list(body['access_token'])).status).toBe(200)
    await revoke(derived.url, short.id)
    expect((await list(body['access_token'])).status).toBe(401)
    expect((await ask(inForm(short))).status).toBe(401)
  })

  it('never makes a key that outlives its own', async () => {
    const expires_at = new Date(Date.now() + 60_000).toISOString()
    const admin = await makeKey(derived.url, { scopes: ['admin'], expires_at })
    const { body } = await ask(inForm(admin))
    const made = await makeKey(derived.url, {}, body['access_token'] as string)
    const end = Date.parse(made['expires_at'] as string)
    expect(end).toBeLessThanOrEqual(Date.parse(expires_at))
    // Nor the token's, whose seconds are whole.
    expect(end % 1_000).toBe(0)
  })
})

describe('a request for a token that is refused', () => {
  const form = (changes: Record<string, string>) => ({ ...inForm(), ...changes })
  const cases: [string, () => ReturnType<typeof ask>, number, string][] = [
    ['nothing', () => ask(''), 400, 'invalid_request'],
    ['JSON', () => ask('{}', { 'content-type': 'application/json' }), 400, 'invalid_request'],
    ['no grant', () => ask(form({ grant_type: '' })), 400, 'invalid_request'],
    ['password', () => ask(form({ grant_type: 'password' })), 400, 'unsupported_grant_type'],
    [
      'a parameter twice',
      () => ask(`${new URLSearchParams(inForm())}&scope=read&scope=read`),
      400,
      'invalid_request',
    ],
    ['a large body', () => ask(form({ x: 'x'.repeat(8_192) })), 400, 'invalid_request'],
    ['two ways', () => ask(inForm(), basic(key.id, key.token)), 400, 'invalid_request'],
    [
      'two clients',
      () => ask({ ...grant, client_id: 'x' }, basic(key.id, key.token)),
      400,
      'invalid_request',
    ],
    ['no client', () => ask(grant), 401, 'invalid_client'],
    ['no secret', () => ask(form({ client_secret: '' })), 401, 'invalid_client'],
    ['a wrong secret', () => ask(form({ client_secret: 'x'.repeat(43) })), 401, 'invalid_client'],
    ['another id', () => ask(form({ client_id: '000000000000' })), 401, 'invalid_client'],
    ['Basic that is nothing', () => ask(grant, basic('', '')), 401, 'invalid_client'],
    ['an unknown scope', () => ask(form({ scope: 'read everything' })), 400, 'invalid_scope'],
    ['more scopes', () => ask(form({ scope: 'read admin' })), 400, 'invalid_scope'],
    ['the scope public', () => ask(form({ scope: 'public' })), 400, 'invalid_scope'],
  ]
  it.each(cases)('%s', async (_, send, status, error) => {
    const reply = await send()
    expect(reply).toMatchObject({ status, headers: { 'cache-control': 'no-store' } })
    expect(reply.body).toEqual({ error, error_description: expect.any(String) })
    expect(reply.headers['www-authenticate']).toBe(
      status === 401 ? 'Basic realm="millrace"' : undefined,
    )
  })
})

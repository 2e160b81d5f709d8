// JWTs on the running service: by the shared secret, and by a JWKS that is served by a real HTTP
// server and whose keys are rotated.

import dns from 'node:dns'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { startNameServer } from '../../scripts/kit/name-server.ts'
import { until } from '../../scripts/kit/until.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { API_KEYS, aJwt, JWT_SECRET, startHere } from './callers.ts'

type Pair = Awaited<ReturnType<typeof generateKeyPair>>

const database = useDatabase()
const published: JWK[] = []
let isDown = false
const keySet = http.createServer((_, response) => {
  response.statusCode = isDown ? 500 : 200
  response.end(JSON.stringify({ keys: published }))
})
let service: Server
let strict: Server
let unkeyed: Server
let rsa: Pair
let keySetUrl: string

beforeAll(async () => {
  await new Promise<void>((resolve) => keySet.listen(0, '127.0.0.1', resolve))
  keySetUrl = `http://127.0.0.1:${(keySet.address() as AddressInfo).port}/keys`
  const both = { MILLRACE_JWT_SECRET: JWT_SECRET, MILLRACE_JWKS_URL: keySetUrl }
  service = await startHere(database.url, both)
  strict = await startHere(database.url, {
    ...both,
    MILLRACE_JWT_ISSUER: 'https://id.example.com',
    MILLRACE_JWT_AUDIENCE: 'millrace',
  })
  unkeyed = await startHere(database.url)
  rsa = await publishKey('RS256', 'rsa-1')
})
afterAll(async () => {
  await Promise.all([service.stop(), strict.stop(), unkeyed.stop()])
  keySet.close()
})

const list = (token: string, tenant = '', url = service.url) =>
  call(url + EVENTSTREAM, { token, headers: { tenant } })
const status = async (token: string, tenant = '', url = service.url) =>
  (await list(token, tenant, url)).status
const inAMinute = () => Math.floor(Date.now() / 1000) + 60
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
const claims = { tenant: 'dodici', scope: 'read', sub: 'shop' }

async function publishKey(alg: string, kid: string): Promise<Pair> {
  const pair = await generateKeyPair(alg, { extractable: true })
  published.push({ ...(await exportJWK(pair.publicKey)), kid, alg })
  return pair
}

function signed({ privateKey }: Pair, alg: string, kid: string, more = {}): Promise<string> {
  return new SignJWT({ ...claims, exp: inAMinute(), ...more })
    .setProtectedHeader({ alg, kid })
    .sign(privateKey)
}

describe('a JWT by the shared secret', () => {
  it('is taken, with its tenants and scopes', async () => {
    const token = await aJwt()
    expect(await status(token)).toBe(200)
    expect(await status(token, 'other')).toBe(403)
    const two = await aJwt({ tenant: ['dodici', 'third'], scope: 'publish configure' })
    expect(await status(two, 'third')).toBe(200)
    expect(await status(two)).toBe(400)
    expect(await status(await aJwt({ tenant: '*' }), 'any')).toBe(200)
  })

  it('has a subject that is cut between characters', async () => {
    const token = await aJwt({ sub: `${'x'.repeat(99)}😀` })
    const { body } = await call(`${service.url}/whoami`, { token })
    expect(body['actor']).toBe(`JWT ${'x'.repeat(99)}`)
  })

  it('allows nothing that it does not name', async () => {
    expect(await status(await aJwt({ tenant: undefined }), 'dodici')).toBe(403)
    expect(await status(await aJwt({ scope: undefined }))).toBe(403)
    expect(await status(await aJwt({ scope: 'publish' }))).toBe(403)
    expect(await status(await aJwt({ scope: 'READ public' }))).toBe(403)
  })

  it('binds a publisher', async () => {
    const bound = { team: 'team-orders', service: ['shop'], event_names: 'order.*' }
    const token = await aJwt({ scope: 'publish', ...bound })
    const publish = (name: string, team: string) =>
      call(`${service.url}/events/${name}`, {
        token,
        headers: { team, service: 'shop', 'entity-id': '1', 'idempotency-key': name },
        body: '{}',
      })
    expect((await publish('order.created', 'team-orders')).status).toBe(201)
    expect(await publish('invoice.created', 'team-stock')).toMatchObject({
      status: 403,
      body: { details: [{ field: 'team' }, { field: 'event_name' }] },
    })
  })

  it('hands on no more than it has, and no list that a key cannot have', async () => {
    const create = async (own: object) =>
      call(service.url + API_KEYS, {
        token: await aJwt({ scope: 'admin', ...own }),
        headers: { tenant: '' },
        body: JSON.stringify({ name: 'made', scopes: ['publish'] }),
      })
    const bound = { tenant: ['dodici', 'third'], team: 'a', event_names: ['order.*'] }
    expect(await create(bound)).toMatchObject({
      status: 201,
      body: { tenants: ['dodici', 'third'], teams: ['a'], created_by: 'JWT shop' },
    })
    const many = Array.from({ length: 101 }, (_, i) => `t-${i}`)
    for (const tenant of [undefined, [], '*', 'a b', many]) {
      expect(await create({ tenant })).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining('tenants') },
      })
    }
    expect(await create({ team: [] })).toMatchObject({ status: 400 })
  })

  it('is refused otherwise', async () => {
    const good = await aJwt()
    const [head, body, signature] = good.split('.') as [string, string, string]
    const none = encode({ alg: 'none' })
    const forged = encode({ ...claims, tenant: '*', exp: inAMinute() })
    const refused: [string, string][] = [
      ['expired', await aJwt({}, { expiresIn: -60 })],
      ['without exp', await aJwt({}, { expiresIn: null })],
      ['not valid yet', await aJwt({ nbf: inAMinute() })],
      ['another secret', await aJwt({}, { secret: 'x'.repeat(40) })],
      ['another body', `${head}.${forged}.${signature}`],
      ['a cut signature', `${head}.${body}.${signature.slice(0, 20)}`],
      ['no signature', `${head}.${body}.`],
      ['none', `${none}.${forged}.`],
      ['none, signed', `${none}.${body}.${signature}`],
      ['None', `${encode({ alg: 'None' })}.${forged}.`],
      ['HS512', `${encode({ alg: 'HS512' })}.${body}.${signature}`],
      ['a critical extension', `${encode({ alg: 'HS256', crit: ['x'] })}.${body}.${signature}`],
      ['a header that is no JSON', `e30x.${body}.${signature}`],
      ['dots', '..'],
      ['a tenant that is a number', await aJwt({ tenant: 7 })],
      ['a team that is an object', await aJwt({ team: {} })],
      ['a subject that is a number', await aJwt({ sub: 7 })],
      ['a key that is an object', await aJwt({ millrace_key: {} })],
      ['a scope that is a list', await aJwt({ scope: ['read'] })],
      ['an unknown API key', await aJwt({ millrace_key: '000000000000' })],
    ]
    for (const [what, token] of refused) {
      const reply = await list(token, 'dodici')
      expect([what, reply.status, reply.body['error_code']]).toEqual([what, 401, 'unauthorized'])
    }
    expect(await status(good, '', unkeyed.url)).toBe(401)
  })

  it('has the issuer and the audience that are asked for', async () => {
    const iss = 'https://id.example.com'
    expect(await status(await aJwt({ iss, aud: 'millrace' }), '', strict.url)).toBe(200)
    expect(await status(await aJwt({ iss, aud: ['a', 'millrace'] }), '', strict.url)).toBe(200)
    for (const wrong of [
      { aud: 'millrace' },
      { iss },
      { iss: `${iss}/`, aud: 'millrace' },
      { iss, aud: 'another' },
    ]) {
      expect(await status(await aJwt(wrong), '', strict.url)).toBe(401)
    }
  })
})

describe('a JWT by a key set', () => {
  it('is taken with RS256, ES256 and EdDSA', async () => {
    const ec = await publishKey('ES256', 'ec-1')
    const ed = await publishKey('EdDSA', 'ed-1')
    await until('the new keys are known', async () => {
      return (await status(await signed(ed, 'EdDSA', 'ed-1'))) === 200
    })
    expect(await status(await signed(ec, 'ES256', 'ec-1'))).toBe(200)
    expect(await status(await signed(rsa, 'RS256', 'rsa-1'))).toBe(200)
    expect(await status(await signed(rsa, 'RS256', 'rsa-1'), 'other')).toBe(403)
    expect(await status(await signed(rsa, 'RS256', 'rsa-1'), '', unkeyed.url)).toBe(401)
  })

  it('is refused with a public key as the secret, another algorithm, another key', async () => {
    const pem = await exportSPKI(rsa.publicKey)
    const asSecret = (secret: string) =>
      new SignJWT({ ...claims, exp: inAMinute() })
        .setProtectedHeader({ alg: 'HS256', kid: 'rsa-1' })
        .sign(Buffer.from(secret))
    const stranger = await generateKeyPair('RS256')
    const refused: [string, string][] = [
      ['the PEM', await asSecret(pem)],
      ['the PEM without its line end', await asSecret(pem.trim())],
      ['the JWK', await asSecret(JSON.stringify(published[0]))],
      ['the modulus', await asSecret(published[0]?.n as string)],
      ['another key', await signed(stranger, 'RS256', 'rsa-1')],
      ['an unknown kid', await signed(rsa, 'RS256', 'rsa-9')],
      ['expired', await signed(rsa, 'RS256', 'rsa-1', { exp: 1 })],
      ['without exp', await signed(rsa, 'RS256', 'rsa-1', { exp: undefined })],
    ]
    for (const [what, token] of refused) expect([what, await status(token)]).toEqual([what, 401])
    const pss = await generateKeyPair('PS256')
    expect(await status(await signed(pss, 'PS256', 'rsa-1'))).toBe(401)
  })

  it('follows a rotation', async () => {
    published.splice(0, published.length)
    const next = await publishKey('RS256', 'rsa-2')
    await until('the new key is known', async () => {
      return (await status(await signed(next, 'RS256', 'rsa-2'))) === 200
    })
    expect(await status(await signed(rsa, 'RS256', 'rsa-1'))).toBe(401)
  })

  it('is verified by a key set whose name the name servers of the process know', async () => {
    const servers = dns.getServers()
    const nameServer = await startNameServer({ 'keys.example': ['127.0.0.1'] })
    dns.setServers([nameServer.address])
    const url = keySetUrl.replace('127.0.0.1', 'keys.example')
    const named = await startHere(database.url, { MILLRACE_JWKS_URL: url })
    const next = await publishKey('RS256', 'rsa-3')
    expect(await status(await signed(next, 'RS256', 'rsa-3'), '', named.url)).toBe(200)
    dns.setServers(servers)
    await named.stop()
    await nameServer.close()
  })

  it('is 503 while no key set can be had, and others go on', async () => {
    isDown = true
    const fresh = await startHere(database.url, { MILLRACE_JWKS_URL: keySetUrl })
    const next = await signed(rsa, 'RS256', 'rsa-1')
    const reply = await list(next, '', fresh.url)
    expect(reply).toMatchObject({ status: 503, body: { error_code: 'unavailable' } })
    expect(reply.headers['retry-after']).toBe('1')
    expect((await call(fresh.url + EVENTSTREAM)).status).toBe(200)
    await fresh.stop()
  })
})

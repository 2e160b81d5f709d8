// Keys end with the token that made them, at every depth, also if a key is made in the moment in
// which its maker is revoked.

import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { revokeKey } from '../../src/access/api-key.ts'
import { KEY_CACHE_MS } from '../../src/access/key-cache.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { API_KEYS, aJwt, JWT_SECRET, type MadeKey, makeKey, revoke, startHere } from './callers.ts'

const database = useDatabase()
let service: Server
let other: Server
beforeAll(async () => {
  const settings = { MILLRACE_JWT_SECRET: JWT_SECRET, MILLRACE_LOG_LEVEL: 'silent' }
  service = await startHere(database.url, settings)
  other = await startHere(database.url, settings)
})
afterAll(() => Promise.all([service.stop(), other.stop()]))

const make = (token?: string, fields = {}) =>
  makeKey(service.url, { scopes: ['admin'], ...fields }, token)
const create = (token: string, fields: object) =>
  call(service.url + API_KEYS, { token, body: JSON.stringify({ name: 'made', ...fields }) })
const requestFor = (fields: object) => ({
  headers: { tenant: '' },
  body: JSON.stringify({ name: 'made', ...fields }),
})
const show = async (id: string) => (await call(`${service.url}${API_KEYS}/${id}`)).body
const status = async (token: string, url = service.url) =>
  (await call(url + EVENTSTREAM, { token })).status

/** Keys each of which was made by the one before. */
async function chain(length: number): Promise<MadeKey[]> {
  const keys = [await make()]
  while (keys.length < length) keys.push(await make(keys.at(-1)?.token))
  return keys
}

async function tokenFor({ id, token }: MadeKey): Promise<string> {
  const reply = await call(`${service.url}/oauth2/token`, {
    token: null,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `grant_type=client_credentials&client_id=${id}&client_secret=${token}`,
  })
  return reply.body['access_token'] as string
}

describe('a key that a JWT makes', () => {
  it('ends with it, and cannot be made to end later', async () => {
    const jwt = await aJwt({ scope: 'admin' }, { expiresIn: 60 })
    const [, payload = ''] = jwt.split('.')
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const end = new Date(exp * 1_000)
    const made = await create(jwt, { scopes: ['read'] })
    expect(made).toMatchObject({ status: 201, body: { expires_at: end.toISOString() } })
    const later = new Date(exp * 1_000 + 1).toISOString()
    expect(await create(jwt, { scopes: ['read'], expires_at: later })).toMatchObject({
      status: 403,
      body: { error_code: 'forbidden', message: expect.stringContaining('expires_at') },
    })
    // The same of a token that was given for a key that never ends.
    const given = await tokenFor(await make())
    const { body } = await create(given, { scopes: ['read'] })
    expect(Date.parse(body['expires_at'] as string)).toBeLessThanOrEqual(Date.now() + 900_000)
  })

  it('is refused if it would end in the past', async () => {
    // Such a token is taken for five seconds more: clocks differ.
    const jwt = await aJwt({ scope: 'admin' }, { expiresIn: -1 })
    expect(await create(jwt, { scopes: ['read'] })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('expires_at must be in the future') },
    })
  })

  it('ends in the year 9999 if the token names no year that there is', async () => {
    const jwt = await aJwt({ scope: 'admin' }, { expiresIn: 1e15 })
    expect(await create(jwt, { scopes: ['read'] })).toMatchObject({
      body: { expires_at: '9999-12-31T23:59:59.000Z' },
    })
  })
})

describe('a key whose maker is revoked', () => {
  it('is revoked too, and so is what it made: here at once, elsewhere soon', async () => {
    const [maker, made, grandchild] = (await chain(3)) as [MadeKey, MadeKey, MadeKey]
    const byToken = await make(await tokenFor(grandchild))
    const family = [maker, made, grandchild, byToken]
    const sibling = await make()
    for (const { url } of [service, other]) {
      for (const { token } of [...family, sibling]) expect(await status(token, url)).toBe(200)
    }
    expect(await revoke(service.url, maker.id)).toMatchObject({
      status: 200,
      body: { status: 'revoked' },
    })
    for (const { token } of family) expect(await status(token)).toBe(401)
    for (const { token } of family) {
      const isRefused = async () => (await status(token, other.url)) === 401
      await until('the other process refuses it', isRefused, KEY_CACHE_MS + 500)
    }
    expect(await status(sibling.token)).toBe(200)
    expect((await show(maker.id))['revoked_by']).toBe('admin token')
    expect((await show(grandchild.id))['revoked_by']).toBe(
      `admin token, with API key ${made.id} (a key) that made it`,
    )
  })

  it('before there was such a rule ends when the maker is revoked again', async () => {
    const [maker, made] = (await chain(2)) as [MadeKey, MadeKey]
    await database.pool.query(
      `update api_key set revoked_at = now(), revoked_by = 'ada' where id = $1`,
      [maker.id],
    )
    expect(await status(made.token)).toBe(200)
    expect((await revoke(service.url, maker.id)).body).toMatchObject({ revoked_by: 'ada' })
    expect(await status(made.token)).toBe(401)
  })
})

const isWaited = async () => {
  const { rows } = await database.pool.query(`
    select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`)
  return rows.length > 0
}

/** Makes a key in the name of another, over one connection. */
async function makeBy(client: pg.ClientBase | pg.Pool, maker: MadeKey): Promise<[string, string]> {
  const id = Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0')
  const actor = `API key ${maker.id} (a key)`
  const { rows } = await client.query(
    `select outcome from create_key($1, 'late', sha256('x'), '{dodici}', '{read}', null, null, null,
       null, $2, null, 1000)`,
    [id, actor],
  )
  return [id, rows[0].outcome]
}

describe.each([0, 1, 2])('a race of two connections, %i below the key that is revoked', (depth) => {
  it('the key is made first: the revocation waits for it and finds it', async () => {
    const keys = await chain(3)
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      const [id, outcome] = await makeBy(client, keys[depth] as MadeKey)
      expect(outcome).toBe('created')
      const revoked = revokeKey(database.kysely, keys[0]?.id as string, 'ada')
      await until('the revocation waits', isWaited)
      await client.query('commit')
      const ids = (await revoked).map((key) => key.id)
      expect(ids.sort()).toEqual([...keys.map((key) => key.id), id].sort())
      expect(await show(id)).toMatchObject({ status: 'revoked' })
    } finally {
      client.release()
    }
  })

  it('the key is revoked first: the new key waits for it and is refused', async () => {
    const keys = await chain(3)
    const client = await database.pool.connect()
    try {
      await client.query(`begin; select revoke_key('${keys[0]?.id}', 'ada')`)
      const made = makeBy(database.pool, keys[depth] as MadeKey)
      await until('the new key waits', isWaited)
      await client.query('commit')
      expect((await made)[1]).toBe('maker_ended')
    } finally {
      client.release()
    }
  })
})

it('leaves no active key below a revoked one, however many are made meanwhile', async () => {
  const [root] = await chain(1)
  const makers = [root as MadeKey]
  const branch = async () => {
    for (let made = 0; made < 40; made++) {
      const maker = makers[made % makers.length] as MadeKey
      const reply = await create(maker.token, { scopes: ['admin'] })
      // The maker may be of the last generation.
      if (reply.status === 403) continue
      if (reply.status !== 201) return expect(reply.status).toBe(401)
      makers.push(reply.body as MadeKey)
    }
  }
  const branches = Promise.all(Array.from({ length: 8 }, branch))
  await until('there are some', () => makers.length > 20)
  await revoke(service.url, (root as MadeKey).id)
  await branches
  const { rows } = await database.pool.query(
    `with recursive family as (
       select id, revoked_at from api_key where id = $1
       union all
       select made.id, made.revoked_at from api_key made
       join family on made.created_by like 'API key ' || family.id || ' (%'
     ) select count(*)::int as keys, count(revoked_at)::int as revoked from family`,
    [root?.id],
  )
  expect(rows[0].keys).toBeGreaterThan(20)
  expect(rows[0].revoked).toBe(rows[0].keys)
})

it('is refused for a tenant that has its most, until one ends', async () => {
  await database.pool.query(
    `insert into api_key (id, name, secret_sha256, tenants, scopes, created_by)
     select lpad(to_hex(i), 12, '0'), 'one of many', sha256('x'), '{full, other}', '{read}', 'ada'
     from generate_series(1, 998) as i`,
  )
  const keys = { tenants: ['full', 'third'], scopes: ['read'] }
  // Two are left, however many ask at once.
  const asked = Array.from({ length: 6 }, () => call(service.url + API_KEYS, requestFor(keys)))
  const replies = await Promise.all(asked)
  const made = replies.filter((reply) => reply.status === 201)
  const refused = replies.filter((reply) => reply.status === 400)
  expect([made.length, refused.length]).toEqual([2, 4])
  for (const { body } of refused) {
    expect(body).toMatchObject({
      error_code: 'too_many_keys',
      message: expect.stringContaining('1000'),
    })
  }
  await revoke(service.url, made[0]?.body['id'] as string)
  expect((await call(service.url + API_KEYS, requestFor(keys))).status).toBe(201)
})

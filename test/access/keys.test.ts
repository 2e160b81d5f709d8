// The life of an API key, on two processes of the service: created, used, bound, expired, revoked.

import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { findKey } from '../../src/access/api-key.ts'
import { KEY_CACHE_MS } from '../../src/access/key-cache.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'
import { API_KEYS, makeKey } from './callers.ts'

const database = useDatabase()
const service = useService('serve', database, () => ({ MILLRACE_LOG_LEVEL: 'debug' }))
const other = useService('serve', database, () => ({ MILLRACE_LOG_LEVEL: 'debug' }))

const list = (token: string, tenant = 'dodici', url = service.url) =>
  call(url + EVENTSTREAM, { token, headers: { tenant } })
const publish = (token: string, changes: Record<string, string> = {}, name = 'order.created') =>
  call(`${service.url}/events/${name}`, {
    token,
    headers: {
      team: 'team-orders',
      service: 'shop',
      'entity-id': 'order-1',
      'idempotency-key': `${name}-${JSON.stringify(changes)}`,
      ...changes,
    },
    body: '{}',
  })
const create = (fields: object, token?: string, tenant = '') =>
  call(service.url + API_KEYS, {
    body: JSON.stringify({ name: 'a key', scopes: ['read'], ...fields }),
    headers: { tenant },
    ...(token ? { token } : {}),
  })
const on = (path: string, token?: string, method = 'GET') =>
  call(`${service.url}${API_KEYS}${path}`, {
    method,
    headers: { tenant: '' },
    ...(token ? { token } : {}),
  })

describe('a key', () => {
  it('is shown once, and its secret is nowhere', async () => {
    const reply = await create({ name: 'erp', tenants: ['dodici'], scopes: ['read', 'publish'] })
    expect(reply).toMatchObject({ status: 201, headers: { 'cache-control': 'no-store' } })
    const { id, token, ...shown } = reply.body as Record<string, string>
    expect(shown).toEqual({
      name: 'erp',
      status: 'active',
      tenants: ['dodici'],
      scopes: ['read', 'publish'],
      created_at: expect.stringMatching(/Z$/),
      created_by: 'admin token',
    })
    const [, , secret = ''] = /^mr_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/.exec(token as string) ?? []
    expect(secret).not.toBe('')
    expect((await on(`/${id}`)).body).toEqual({ id, ...shown })
    expect((await on('')).body).toEqual({ api_keys: [{ id, ...shown }] })
    expect((await list(token as string)).status).toBe(200)

    const { rows } = await database.pool.query('select api_key::text as row from api_key')
    expect(rows).toHaveLength(1)
    const kept = rows[0].row + service.output() + other.output()
    expect(kept).not.toContain(secret)
    expect(kept).not.toContain(Buffer.from(secret).toString('hex'))
  })

  it('with a wrong secret, or an unknown id, is nobody', async () => {
    const { id, token } = await makeKey(service.url, {})
    const another = await makeKey(service.url, {})
    expect((await list(token)).status).toBe(200)
    for (const wrong of [
      token.slice(0, -1),
      token.slice(0, -1) + (token.endsWith('A') ? 'E' : 'A'),
      token.replace(id, '000000000000'),
      token.replace(id, another.id),
      token.toUpperCase(),
      `${token}x`,
      id,
    ]) {
      const reply = await list(wrong)
      expect(reply).toMatchObject({ status: 401, body: { error_code: 'unauthorized' } })
      expect(reply.headers['www-authenticate']).toContain('Bearer')
    }
  })

  it('ends when it expires', async () => {
    const soon = new Date(Date.now() + 1_000).toISOString()
    const { id, token } = await makeKey(service.url, { expires_at: soon })
    expect((await list(token)).status).toBe(200)
    await until('the key has expired', async () => (await list(token)).status === 401)
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(soon))
    expect((await on(`/${id}`)).body).toMatchObject({ status: 'expired', expires_at: soon })
  })

  it('ends when it is revoked: here at once, elsewhere within the stated time', async () => {
    const { id, token } = await makeKey(service.url, {})
    for (const { url } of [service, other]) {
      expect((await list(token, 'dodici', url)).status).toBe(200)
    }
    const revoked = await on(`/${id}`, undefined, 'DELETE')
    expect(revoked).toMatchObject({
      status: 200,
      body: { id, status: 'revoked', revoked_by: 'admin token', revoked_at: expect.any(String) },
    })
    expect((await list(token)).status).toBe(401)
    await until(
      'the other process refuses the key',
      async () => (await list(token, 'dodici', other.url)).status === 401,
      KEY_CACHE_MS + 500,
    )
    // It stays for the record, and revoking it again changes nothing.
    expect((await on(`/${id}`, undefined, 'DELETE')).body).toEqual(revoked.body)
    expect((await on('')).body['api_keys']).toContainEqual(revoked.body)
    for (const change of [
      `update api_key set scopes = '{admin}' where id = '${id}'`,
      `update api_key set revoked_at = null, revoked_by = null where id = '${id}'`,
      `delete from api_key where id = '${id}'`,
    ]) {
      await expect(database.admin.pool.query(change)).rejects.toMatchObject({ code: 'MR003' })
    }
  })

  it('stands in the config log as the actor', async () => {
    const { id, token } = await makeKey(service.url, { name: 'erp', scopes: ['configure'] })
    const integration = {
      id: 'by-key',
      integration_type: 'permanent',
      callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
    }
    const body = JSON.stringify(integration)
    const reply = await call(service.url + EVENTSTREAM, { body, token, headers: { tenant: '' } })
    expect(reply.status).toBeLessThan(300)
    const { rows } = await database.pool.query(`select actor from config_log where id = 'by-key'`)
    expect(rows).toEqual([{ actor: `API key ${id} (erp)` }])
  })
})

describe('a key that is bound', () => {
  it('to a tenant needs no header there, and is refused elsewhere', async () => {
    const { token } = await makeKey(service.url, {})
    expect((await list(token, '')).status).toBe(200)
    expect(await list(token, 'other')).toMatchObject({ status: 403 })
    const { token: two } = await makeKey(service.url, { tenants: ['dodici', 'third'] })
    expect((await list(two, 'third')).status).toBe(200)
    expect((await list(two, '')).status).toBe(400)
    const { token: all } = await makeKey(service.url, { tenants: ['*'] })
    expect((await list(all, 'any')).status).toBe(200)
    expect((await list(all, '')).status).toBe(400)
  })

  it('to scopes does no more', async () => {
    const { token } = await makeKey(service.url, { scopes: ['publish'] })
    expect((await publish(token)).status).toBe(201)
    expect(await list(token)).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('read') },
    })
    const { token: configure } = await makeKey(service.url, { scopes: ['configure'] })
    expect((await list(configure)).status).toBe(200)
    expect((await publish(configure)).status).toBe(403)
  })

  it('to team, service and event names publishes nothing else', async () => {
    const { token } = await makeKey(service.url, {
      scopes: ['publish'],
      teams: ['team-orders'],
      services: ['shop', 'till'],
      event_names: ['order.*', 'return.processed'],
    })
    expect((await publish(token)).status).toBe(201)
    expect((await publish(token, { service: 'till' }, 'return.processed')).status).toBe(201)
    const refused: [Record<string, string>, string, string][] = [
      [{ tenant: 'other' }, 'order.created', 'tenant'],
      [{ team: 'team-stock' }, 'order.created', 'team'],
      [{ service: 'stock' }, 'order.created', 'service'],
      [{}, 'orders.created', 'event_name'],
      [{}, 'return.created', 'event_name'],
      [{}, 'return.processed.again', 'event_name'],
    ]
    for (const [headers, name, field] of refused) {
      const reply = await publish(token, headers, name)
      expect(reply).toMatchObject({
        status: 403,
        body: { status: '403', details: [{ field, code: 'forbidden' }] },
      })
    }
    const everything = await publish(token, { team: 'a', service: 'b', tenant: 'c' }, 'd.e')
    expect(everything.body['details']).toHaveLength(4)
  })
})

describe('an admin key of a tenant', () => {
  it('manages the keys of its own tenants', async () => {
    const { token } = await makeKey(service.url, { tenants: ['own'], scopes: ['admin'] })
    const foreign = await makeKey(service.url, { name: 'foreign-key', tenants: ['dodici'] })
    const shared = await makeKey(service.url, { name: 'foreign-key', tenants: ['own', 'dodici'] })
    const made = await create({ name: 'made' }, token)
    expect(made).toMatchObject({ status: 201, body: { tenants: ['own'] } })

    const { body } = await on('', token)
    expect(body['api_keys']).toHaveLength(2)
    expect(JSON.stringify(body)).not.toContain('foreign-key')
    for (const { id } of [foreign, shared]) {
      expect(await on(`/${id}`, token)).toMatchObject({ status: 404 })
      expect(await on(`/${id}`, token, 'DELETE')).toMatchObject({ status: 404 })
      expect((await on(`/${id}`)).body).toMatchObject({ status: 'active' })
    }
    expect((await on(`/${made.body['id']}`, token, 'DELETE')).status).toBe(200)
  })

  it('never grants more than it has', async () => {
    const end = new Date(Date.now() + 3_600_000).toISOString()
    const { token } = await makeKey(service.url, {
      tenants: ['own'],
      scopes: ['admin'],
      teams: ['a'],
      services: ['b'],
      event_names: ['order.*'],
      expires_at: end,
    })
    const own = { teams: ['a'], services: ['b'], event_names: ['order.*'], expires_at: end }
    expect(await create({}, token)).toMatchObject({ status: 201, body: own })
    const less = { event_names: ['order.created', 'order.x.*'] }
    expect(await create(less, token)).toMatchObject({ status: 201, body: less })
    const more: [string, unknown][] = [
      ['tenants', ['dodici']],
      ['tenants', ['own', 'dodici']],
      ['tenants', ['*']],
      ['teams', ['a', 'b']],
      ['services', ['a']],
      ['event_names', ['order*']],
      ['event_names', ['*']],
      ['event_names', ['return.created']],
      ['expires_at', new Date(Date.parse(end) + 1).toISOString()],
    ]
    for (const [field, value] of more) {
      expect(await create({ [field]: value }, token)).toMatchObject({
        status: 403,
        body: { error_code: 'forbidden', message: expect.stringContaining(field) },
      })
    }
    expect(await create({}, token, 'dodici')).toMatchObject({ status: 403 })
  })
})

describe('a key that is refused', () => {
  const cases: [object, string][] = [
    [{ name: '' }, 'name'],
    [{ name: undefined }, 'name'],
    [{ name: 'a\u0000b' }, 'name'],
    [{ name: 'x'.repeat(256) }, 'name'],
    [{ tenants: undefined }, 'tenants'],
    [{ tenants: [] }, 'tenants'],
    [{ tenants: 'dodici' }, 'tenants'],
    [{ tenants: ['a b'] }, 'tenants'],
    [{ tenants: ['*', 'dodici'] }, 'tenants'],
    [{ scopes: undefined }, 'scopes'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['public'] }, 'scopes'],
    [{ teams: [] }, 'teams'],
    [{ services: [''] }, 'services'],
    [{ event_names: ['*.created'] }, 'event_names'],
    [{ expires_at: 'tomorrow' }, 'expires_at'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: '2099-02-30T00:00:00Z' }, 'expires_at'],
    [{ expires_at: '2099-12-31T23:59:60Z' }, 'expires_at must be a time'],
    [{ expires_at: '9999-12-31T23:59:59-01:00' }, 'expires_at must be a time'],
    [{ name: 'a\ud83d' }, 'name has a lone surrogate'],
    [{ teams: ['a', 'b\udc00'] }, 'teams.1 has a lone surrogate'],
    [{ secret: 'mine' }, 'secret'],
  ]
  it.each(cases)('%j', async (changes, field) => {
    expect(await create({ tenants: ['dodici'], ...changes })).toMatchObject({
      status: 400,
      body: { error_code: 'invalid_request', message: expect.stringContaining(field) },
    })
  })
  it('and one that is not there: 404', async () => {
    expect(await on('/000000000000')).toMatchObject({ status: 404 })
    expect(await on('/no-id', undefined, 'DELETE')).toMatchObject({ status: 404 })
  })
})

it('a key that is found keeps no memory but its own', async () => {
  const { id } = await makeKey(service.url, { scopes: ['read'] })
  const found = await findKey(database.kysely, id)
  expect(found?.secret_sha256.buffer.byteLength).toBe(32)
})

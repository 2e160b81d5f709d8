// The history of the configuration over HTTP: what a change shows and hides, its filters and pages.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { createSecretBox } from '../../src/sealing/secret.ts'
import type { Server } from '../../src/server.ts'
import { API_KEYS, makeKey, startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

type Json = Record<string, unknown>
type Change = Json & { action: string; position: number; differences: Json[]; after: Json | null }
type Page = { changes: Change[]; next: number | null }

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const ask = <Body = Page>(path: string, token?: string, tenant = 'dodici') =>
  call<Body>(service.url + path, { headers: { tenant }, ...(token ? { token } : {}) })

/** Changes a stopped integration; throws unless it is answered with 200. */
async function update(id: string, body: object): Promise<void> {
  const path = `${service.url}${EVENTSTREAM}/${id}`
  await call(`${path}/_stop`, { method: 'POST' })
  const reply = await call(path, { method: 'PATCH', body: JSON.stringify(body) })
  if (reply.status !== 200) throw new Error(JSON.stringify(reply))
}

/** The newest change of an integration. */
async function newest(id: string): Promise<Change> {
  const { body } = await ask(`/changes?kind=integration&id=${id}&limit=1`)
  return body.changes[0] as Change
}

describe('a change', () => {
  const url = 'https://user.example.com/'
  beforeAll(() =>
    register(service.url, 'erp', url, {
      callback_parameters: { callback_url: url, api_key: 'the first secret' },
      delivery: { headers: { 'x-key~z': 'a header secret' } },
    }),
  )

  it('says who, when, why, what it was before and after, and where they differ', async () => {
    expect(await newest('erp')).toMatchObject({
      actor: 'admin token',
      action: 'integration_started',
      kind: 'integration',
      id: 'erp',
      version: 1,
      status: 'running',
      reason: expect.stringMatching(/\S/),
      before: null,
      after: { callback_parameters: { callback_url: url, api_key: '***' } },
    })
    await update('erp', { filter_conditions: { event_filter: ['order.created'] } })
    const changed = await newest('erp')
    expect(changed).toMatchObject({ action: 'integration_updated', version: 3 })
    expect(changed.differences).toEqual([
      { path: '/filter_conditions', after: { event_filter: ['order.created'] } },
    ])
  })

  it('shows that a secret was replaced, and neither of the two', async () => {
    await update('erp', {
      callback_parameters: { callback_url: url, api_key: 'the second secret' },
      delivery: { headers: { 'x-key~z': 'another secret' } },
    })
    const changed = await newest('erp')
    expect(changed.differences).toEqual([
      { path: '/delivery/headers/x-key~0z', before: '***', after: '***' },
      { path: '/callback_parameters/api_key', before: '***', after: '***' },
    ])
    expect(JSON.stringify(changed)).not.toMatch(/secret|sealed/)
  })

  it('shows no difference of a secret that was only sealed again', async () => {
    const box = createSecretBox('00'.repeat(32))
    const { rows } = await database.pool.query(
      `select version, document from consumer where tenant = 'dodici' and id = 'erp'`,
    )
    const [{ version, document }] = rows
    const { api_key } = document.callback_parameters
    const sealed = box.seal('dodici', box.open('dodici', api_key))
    expect(sealed).not.toBe(api_key)
    document.callback_parameters.api_key = sealed
    await database.pool.query(
      `select reseal_consumer('dodici', 'erp', $1, $2, 'ada', 'Sealed again.', null)`,
      [version, document],
    )
    expect(await newest('erp')).toMatchObject({ action: 'secrets_resealed', differences: [] })
  })

  it('has nothing after a removal, and all of it as differences', async () => {
    await call(`${service.url}${EVENTSTREAM}/erp`, { method: 'DELETE' })
    const removed = await newest('erp')
    expect(removed).toMatchObject({ status: 'removed', after: null })
    expect(removed.differences.map(({ path }) => path).sort()).toEqual([
      ...['/callback_parameters', '/delivery', '/filter_conditions', '/integration_type'],
    ])
  })
})

describe('a key', () => {
  it('of another tenant is never shown, and of a shared one no name of another tenant', async () => {
    const own = await makeKey(service.url, { tenants: ['dodici'] })
    const foreign = await makeKey(service.url, { tenants: ['rival'] })
    const shared = await makeKey(service.url, { tenants: ['dodici', 'rival'] })
    const every = await makeKey(service.url, { tenants: ['*'] })
    const seen = async (path: string, token: string) => {
      const { body } = await ask<Record<string, Json[]>>(path, token)
      const list = body['changes'] ?? body['configuration'] ?? body['changed'] ?? []
      expect(JSON.stringify(list)).not.toContain(foreign.id)
      expect(JSON.stringify(list)).not.toContain('secret_sha256":"\\')
      return list
    }
    for (const path of [
      ...['/changes?kind=key', '/configuration?kind=key'],
      '/configuration/differences?kind=key&from=2026-01-01T00:00:00Z',
    ]) {
      const narrow = await seen(path, own.token)
      expect(narrow.map(({ id }) => id)).toEqual(
        expect.arrayContaining([own.id, shared.id, every.id]),
      )
      expect(JSON.stringify(narrow)).not.toContain('rival')
      expect(JSON.stringify(narrow)).toContain('"tenants":["*"]')
      expect(JSON.stringify(await seen(path, shared.token))).toContain(
        '"tenants":["dodici","rival"]',
      )
    }
    const { status } = await ask('/changes', own.token, 'rival')
    expect(status).toBe(403)
  })

  it('that has expired is not in the configuration', async () => {
    const soon = new Date(Date.now() + 60_000).toISOString()
    const { id } = await makeKey(service.url, { expires_at: soon })
    const at = async (query: string) => {
      const path = `/configuration?kind=key&id=${id}${query}`
      return (await ask<{ configuration: Json[] }>(path)).body.configuration.length
    }
    expect(await at('')).toBe(1)
    expect(await at(`&as_of=${soon}`)).toBe(0)
    expect(await at('&as_of=2026-01-01T00:00:00Z')).toBe(0)
  })
})

describe('a list', () => {
  it('is filtered by what is asked, and paged', async () => {
    await register(service.url, 'one', 'https://one.example.com/')
    await register(service.url, 'two', 'https://two.example.com/')
    const { token } = await makeKey(service.url, { scopes: ['configure'], name: 'ops' })
    await call(`${service.url}${EVENTSTREAM}/two/_stop`, { method: 'POST', token })
    const { body } = await ask('/changes?limit=1&kind=integration')
    expect(body.changes).toMatchObject([{ id: 'two', actor: expect.stringContaining('(ops)') }])
    const [stopped] = body.changes
    expect(body.next).toBe(stopped?.position)
    const rest = await ask(`/changes?kind=integration&before=${body.next}&limit=2`)
    expect(rest.body.changes.map(({ id, version }) => [id, version])).toEqual([
      ['two', 1],
      ['one', 1],
    ])
    const actor = encodeURIComponent(String(stopped?.['actor']))
    expect((await ask(`/changes?actor=${actor}`)).body).toEqual({
      changes: [stopped],
      next: null,
    })
    const at = encodeURIComponent(String(stopped?.['changed_at']))
    expect((await ask(`/changes?id=two&to=${at}`)).body.changes).toHaveLength(1)
    expect((await ask(`/changes?id=two&from=${at}`)).body.changes).toEqual([stopped])
    expect((await ask('/changes?kind=job&id=two')).body).toEqual({ changes: [], next: null })
  })

  it('has pages of a bounded size, with each change once', async () => {
    const path = `${service.url}/event-types/order.created`
    for (let i = 0; i < 25; i++) {
      const schema = { description: `${i} ${'x'.repeat(60_000)}` }
      const body = JSON.stringify({ schema, on_violation: 'warn' })
      expect((await call(path, { method: 'PUT', body })).status).toBe(200)
    }
    const versions: unknown[] = []
    let pages = 0
    for (let before = ''; ; pages++) {
      const { body } = await ask(`/changes?kind=event_type&limit=1000${before}`)
      expect(JSON.stringify(body).length).toBeLessThan(5 * 1024 * 1024)
      versions.push(...body.changes.map(({ version }) => version))
      if (body.next === null) break
      before = `&before=${body.next}`
    }
    expect(pages).toBeGreaterThan(0)
    expect(versions).toEqual(Array.from({ length: 25 }, (_, i) => 25 - i))
  })

  it.each([
    ['/changes?limit=0', 'limit'],
    ['/changes?limit=1001', 'limit'],
    ['/changes?kind=thing', 'kind'],
    ['/changes?id=', 'id'],
    ['/changes?actor=a&actor=b', 'actor'],
    ['/changes?from=yesterday', 'from'],
    ['/changes?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
    ['/changes?before=x', 'before'],
    ['/changes?after=1', 'after'],
    ['/configuration?as_of=now', 'as_of'],
    ['/configuration?limit=101', 'limit'],
    ['/configuration/differences', 'from'],
    ['/configuration/differences?from=2026-01-01T00:00:00Z&to=x', 'to'],
  ])('%s is refused, and names the field', async (path, field) => {
    const { status, body } = await ask<Json>(path)
    expect(status).toBe(400)
    expect(body['message']).toContain(field)
  })

  it('asks for the scope read', async () => {
    const { token } = await makeKey(service.url, { scopes: ['publish'] })
    expect((await ask('/changes', token)).status).toBe(403)
    expect((await call(`${service.url}${API_KEYS}`, { token })).status).toBe(403)
  })
})

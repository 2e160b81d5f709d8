// The configuration API on the running service.

import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)
const strict = useService('serve', database, () => ({ MILLRACE_ALLOW_PRIVATE_TARGETS: 'false' }))

const good = {
  id: 'erp-1',
  integration_type: 'permanent',
  callback_parameters: { callback_url: 'https://erp.example.com/events' },
}
const post = (body: unknown, tenant = 'dodici', url = service.url) =>
  call(url + EVENTSTREAM, { headers: { tenant }, body: JSON.stringify(body) })
const on = (path: string, method = 'GET', tenant = 'dodici') =>
  call(`${service.url}${EVENTSTREAM}${path}`, { method, headers: { tenant } })

describe('the life of an integration', () => {
  it('is register, get, list, stop, start, delete', async () => {
    const filter_conditions = { event_filter: ['order.created'], entity_filter: ['return'] }
    const shown = { ...good, filter_conditions, status: 'running' }
    const callback_parameters = { ...good.callback_parameters, api_key: 'a-secret-key' }
    const registered = await post({ ...good, filter_conditions, callback_parameters })
    expect(registered).toMatchObject({ status: 200 })
    expect(registered.body).toEqual(shown)
    const health = expect.objectContaining({ state: 'ok' })
    expect((await on('/erp-1')).body).toEqual({ ...shown, health })
    expect((await on('')).body).toEqual({ integrations: [{ ...shown, health }] })

    expect(await on('/erp-1/_stop', 'POST')).toMatchObject({ body: { status: 'stopped' } })
    expect(await on('/erp-1/_stop', 'POST')).toMatchObject({ status: 200 })
    expect((await on('/erp-1')).body).toEqual({
      ...shown,
      status: 'stopped',
      health: expect.objectContaining({ state: 'stopped' }),
    })
    expect(await on('/erp-1/_start', 'POST')).toMatchObject({ body: { status: 'running' } })
    expect(await on('/erp-1/_start', 'POST')).toMatchObject({ status: 200 })

    expect(await on('/erp-1', 'DELETE')).toMatchObject({ status: 200 })
    for (const [path, method] of [
      ['/erp-1', 'GET'],
      ['/erp-1', 'DELETE'],
      ['/erp-1/_start', 'POST'],
      ['/erp-1/_stop', 'POST'],
    ]) {
      const reply = await on(path as string, method)
      expect(reply).toMatchObject({ status: 404, body: { error_code: 'not_found' } })
      expect(reply.headers['x-request-id']).toBe(reply.body['request_id'])
    }
    const { rows } = await database.pool.query(
      `select action from config_log where id = 'erp-1' order by position`,
    )
    expect(rows.map(({ action }) => action)).toEqual([
      'integration_started',
      'integration_stopped',
      'integration_started',
      'integration_stopped',
      'integration_deleted',
    ])
  })

  it('keeps the secret sealed', async () => {
    const { rows } = await database.pool.query('select document::text from config_log')
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).toContain('sealed:1:')
    expect(JSON.stringify(rows)).not.toContain('a-secret-key')
    expect(service.output()).not.toContain('a-secret-key')
  })

  it("does not show another tenant's", async () => {
    await post({ ...good, id: 'private' }, 'owner')
    expect((await on('', 'GET', 'stranger')).body).toEqual({ integrations: [] })
    expect(await on('/private', 'GET', 'stranger')).toMatchObject({ status: 404 })
    expect(await on('/private', 'DELETE', 'stranger')).toMatchObject({ status: 404 })
    expect(await on('/private', 'GET', 'owner')).toMatchObject({ status: 200 })
  })
})

describe('a registration that is refused', () => {
  const url = (callback_url: unknown) => ({ callback_parameters: { callback_url } })
  const past = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()
  const filter = (filter_conditions: unknown) => ({ filter_conditions })
  const cases: [Record<string, unknown>, string][] = [
    [{ id: undefined }, 'id'],
    [{ id: '' }, 'id'],
    [{ id: 'ERP' }, 'id'],
    [{ id: 'erp_1' }, 'id'],
    [{ id: 'x'.repeat(51) }, 'id'],
    [{ id: 7 }, 'id'],
    [{ integration_type: undefined }, 'integration_type'],
    [{ integration_type: 'forever' }, 'integration_type'],
    [{ callback_parameters: undefined }, 'callback_parameters'],
    [{ callback_parameters: {} }, 'callback_parameters.callback_url'],
    [url('erp.example.com'), 'callback_parameters.callback_url'],
    [url('ftp://erp.example.com'), 'callback_parameters.callback_url'],
    [url('https://user:word@erp.example.com'), 'callback_parameters.callback_url'],
    [{ callback_parameters: { callback_url: 'http://a.b', api_key: 'x'.repeat(1025) } }, 'api_key'],
    [{ callback_parameters: { callback_url: 'http://a.b', api_key: 'a\r\nb: c' } }, 'api_key'],
    [{ starts_at: 'yesterday' }, 'starts_at'],
    [{ starts_at: new Date(Date.now() + 60_000).toISOString() }, 'starts_at'],
    [{ starts_at: 17 }, 'starts_at'],
    [filter('order.created'), 'filter_conditions'],
    [filter({}), 'filter_conditions names nothing'],
    [filter({ event_filter: [] }), 'filter_conditions names nothing'],
    [filter({ event_filter: [], entity_filter: [] }), 'filter_conditions names nothing'],
    [
      Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, 1])),
      'f0 is not known; f1 is not known',
    ],
    [{ 'a/b~1': 1 }, 'a/b~1 is not known'],
    [{ delivery: { headers: { 'x y': 5 } } }, 'delivery.headers.x y is not known'],
    [{ delivery: { headers: { '': 'v' } } }, 'delivery.headers'],
    [{ delivery: { headers: { 'x-a\r\nx-b': 'v' } } }, 'delivery.headers'],
    [{ delivery: { headers: { 'x-a': 'v ' } } }, 'delivery.headers.x-a'],
    [{ delivery: { headers: { 'x-a': 'v', 'X-A': 'w' } } }, 'delivery.headers.X-A'],
    [{ starts_at: '2016-12-31T23:59:60Z' }, 'starts_at must be a time'],
    [url('https://a.ex\nample'), 'callback_parameters.callback_url'],
    [filter({ event_filter: ['order'] }), 'filter_conditions.event_filter'],
    [filter({ event_filter: [7] }), 'filter_conditions.event_filter'],
    [filter({ entity_filter: ['order.created'] }), 'filter_conditions.entity_filter'],
    [filter({ name_filter: [] }), 'filter_conditions.name_filter'],
    [{ colour: 'blue' }, 'colour'],
    [{ id: null }, 'id'],
    [{ id: 'erp 1' }, 'id'],
    [{ id: 'ümlaut' }, 'id'],
    [{ id: ['erp'] }, 'id'],
    [{ integration_type: null }, 'integration_type'],
    [{ integration_type: 'Permanent' }, 'integration_type'],
    [{ callback_parameters: 'http://a.example' }, 'callback_parameters'],
    [{ callback_parameters: [] }, 'callback_parameters'],
    [url(''), 'callback_parameters.callback_url'],
    [url(7), 'callback_parameters.callback_url'],
    [url('/events'), 'callback_parameters.callback_url'],
    [url('javascript:alert(1)'), 'callback_parameters.callback_url'],
    [url('file:///etc/passwd'), 'callback_parameters.callback_url'],
    [url(`http://a.example/${'x'.repeat(2_048)}`), 'callback_parameters.callback_url'],
    [{ callback_parameters: { callback_url: 'http://a.b', api_key: 7 } }, 'api_key'],
    [{ callback_parameters: { callback_url: 'http://a.b', token: 'x' } }, 'token'],
    [{ s3_parameters: {} }, 's3_parameters'],
    [{ callback_parameters: undefined, s3_parameters: { bucket: 'b' } }, 's3_parameters'],
    [{ starts_at: '2026-02-30T00:00:00Z' }, 'starts_at'],
    [{ starts_at: '2026-01-01' }, 'starts_at'],
    [{ starts_at: '' }, 'starts_at'],
    [{ ends_at: past(1) }, 'ends_at'],
    [{ integration_type: 'temporary' }, 'starts_at is required'],
    [{ integration_type: 'temporary', starts_at: past(2) }, 'ends_at is required'],
    [{ integration_type: 'temporary', ends_at: past(1) }, 'starts_at is required'],
    [{ integration_type: 'temporary', starts_at: past(1), ends_at: past(1) }, 'ends_at must be'],
    [{ integration_type: 'temporary', starts_at: past(1), ends_at: past(2) }, 'ends_at must be'],
    [{ integration_type: 'temporary', starts_at: past(-1), ends_at: past(-2) }, 'starts_at'],
    [{ integration_type: 'temporary', starts_at: past(1), ends_at: 'never' }, 'ends_at'],
    [filter(null), 'filter_conditions'],
    [filter([]), 'filter_conditions'],
    [filter({ event_filter: null }), 'filter_conditions.event_filter'],
    [filter({ event_filter: [''] }), 'filter_conditions.event_filter'],
    [filter({ event_filter: ['order.*'] }), 'filter_conditions.event_filter'],
    [filter({ entity_filter: 'order' }), 'filter_conditions.entity_filter'],
    [filter({ entity_filter: [''] }), 'filter_conditions.entity_filter'],
    [filter({ entity_filter: Array(1_001).fill('order') }), 'filter_conditions.entity_filter'],
    [{ delivery: 'fast' }, 'delivery'],
    [{ delivery: { max_in_flight: '4' } }, 'delivery.max_in_flight'],
    [{ delivery: { headers: { host: 'a' } } }, 'delivery.headers.host'],
    [{ status: 'fast' }, 'status'],
  ]
  it.each(cases)('%j', async (changes, field) => {
    const reply = await post({ ...good, ...changes }, 'refused')
    expect(reply).toMatchObject({
      status: 400,
      body: {
        error_code: 'invalid_request',
        message: expect.stringContaining(field),
        request_id: expect.any(String),
      },
    })
  })

  it('with each fault, for forms', async () => {
    const delivery = { headers: { host: 'a' } }
    const reply = await post({ ...good, ends_at: '2099-01-17T12:00:00Z', delivery }, 'refused')
    const message = 'delivery.headers.host is a header that Millrace sets'
    expect(reply.body['details']).toEqual([
      expect.objectContaining({ field: 'ends_at' }),
      { field: 'delivery.headers.host', code: 'reserved', message },
    ])
    const gone = await on('/nobody')
    expect(gone.body).not.toHaveProperty('details')
  })

  it('an id by its rule, not by a regular expression; no tenant by the name of its header', async () => {
    const reply = await post({ ...good, id: 'ERP' }, 'refused')
    const rule = 'id must be lower-case letters, digits and hyphens.'
    expect(reply).toMatchObject({ status: 400, body: { message: rule } })
    const nobodys = await call(service.url + EVENTSTREAM, { headers: { tenant: '' } })
    const missing = 'The header `tenant` is missing.'
    expect(nobodys).toMatchObject({ status: 400, body: { message: missing } })
  })

  it('a body that is nested deeper than 256 levels', async () => {
    const reply = await call(service.url + EVENTSTREAM, { body: '{"id":'.repeat(257) })
    const message = 'body is nested deeper than 256 levels.'
    expect(reply).toMatchObject({ status: 400, body: { message } })
  })

  it.each(['', '{', '[]', '"x"'])('a body %j', async (body) => {
    expect(await call(service.url + EVENTSTREAM, { body })).toMatchObject({ status: 400 })
  })

  it('stores nothing', async () => {
    expect((await on('', 'GET', 'refused')).body).toEqual({ integrations: [] })
  })

  it('a taken id: 409; the eleventh: 400', async () => {
    for (let i = 0; i < 10; i++) await post({ ...good, id: `erp-${i}` }, 'ten')
    expect(await post({ ...good, id: 'erp-3' }, 'ten')).toMatchObject({
      status: 409,
      body: { error_code: 'conflict', message: expect.stringContaining('erp-3') },
    })
    expect(await post({ ...good, id: 'erp-10' }, 'ten')).toMatchObject({
      status: 400,
      body: { error_code: 'too_many_integrations' },
    })
  })

  it.each(['http://localhost/', 'http://169.254.169.254/latest', 'http://[::1]/'])(
    'a target that is not public: %s',
    async (callback_url) => {
      const body = { ...good, ...url(callback_url) }
      expect(await post(body, 'private', strict.url)).toMatchObject({
        status: 400,
        body: { message: expect.stringMatching(/callback_url is refused: .* not a public/) },
      })
    },
  )

  it('no tenant: 400; no token: 401', async () => {
    expect(await on('', 'GET', '')).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('tenant') },
    })
    const reply = await call(service.url + EVENTSTREAM, { token: null })
    expect(reply).toMatchObject({ status: 401, body: { error_code: 'unauthorized' } })
  })
})

// Updates, delivery settings and signing secrets, on the running service.

import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import type { Received } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { newSigningSecret } from '../../src/destination/sign.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
const receiver = useReceiver()
const service = useService('start', database)

const { on, patch } = api(service)
/** Publishes an event and gives what arrives of it. */
async function deliver(): Promise<Received> {
  const { body } = await publish(service.url, { key: randomUUID(), payload: '{"ü":1}' })
  return until('it arrives', () => receiver.received.find((r) => r.position === body.position))
}

describe('an update', () => {
  it('asks for a stop first, then changes targets and filters only', async () => {
    const callback = { callback_url: receiver.url, api_key: 'first-key' }
    await register(service.url, 'erp', '', { callback_parameters: callback })
    const filter_conditions = { entity_filter: ['order'] }
    expect(await patch('erp', { filter_conditions })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('stop the integration first') },
    })
    await on('erp', '/_stop', 'POST')
    const updated = await patch('erp', { filter_conditions })
    expect(updated).toMatchObject({ status: 200, body: { status: 'stopped', filter_conditions } })
    await on('erp', '/_start', 'POST')
    // The key, which nobody can read back, is still there.
    expect((await deliver()).headers.authorization).toBe('Bearer first-key')
    await on('erp', '/_stop', 'POST')
    await patch('erp', { callback_parameters: { callback_url: `${receiver.url}x`, api_key: '' } })
    await on('erp', '/_start', 'POST')
    const received = await deliver()
    expect(received.headers.authorization).toBeUndefined()
    expect(received.url).toBe('/x')
    await on('erp', '/_stop', 'POST')
  })

  const webhook = { callback_url: 'http://a.example' }
  const s3_parameters = {
    aws_access_key_id: 'a',
    aws_secret_access_key: 'b',
    aws_region: 'eu-west-1',
    bucket: 'c',
  }
  it.each([
    [{ id: 'other' }, 'id'],
    [{ integration_type: 'temporary' }, 'integration_type'],
    [{ starts_at: '2026-01-01T00:00:00Z' }, 'starts_at'],
    [{ colour: 'blue' }, 'colour'],
    [{ s3_parameters }, 's3_parameters'],
    [{ s3_parameters, callback_parameters: webhook }, 's3_parameters'],
    [{ callback_parameters: {} }, 'callback_parameters.callback_url'],
    [{ callback_parameters: { callback_url: 'x' } }, 'callback_parameters.callback_url'],
    [{ filter_conditions: { event_filter: ['order'] } }, 'filter_conditions.event_filter'],
    [{ filter_conditions: {} }, 'filter_conditions names nothing'],
    [{ filter_conditions: { entity_filter: [] } }, 'filter_conditions names nothing'],
    [{ delivery: { max_in_flight: 0 } }, 'delivery.max_in_flight'],
    [{ delivery: { max_in_flight: 101 } }, 'delivery.max_in_flight'],
    [{ delivery: { timeout_ms: 99 } }, 'delivery.timeout_ms'],
    [{ delivery: { signing_secret: 'secret' } }, 'delivery.signing_secret'],
    [{ delivery: { headers: { 'webhook-id': 'x' } } }, 'delivery.headers.webhook-id'],
    [{ delivery: { headers: { 'x-a': 'a\r\nb: c' } } }, 'delivery.headers'],
    [{ delivery: { patience: 1 } }, 'delivery.patience'],
  ])('refuses %j', async (body, field) => {
    const before = (await on('erp')).body
    expect(await patch('erp', body)).toMatchObject({
      status: 400,
      body: { error_code: 'invalid_request', message: expect.stringContaining(field) },
    })
    expect((await on('erp')).body).toEqual(before)
  })

  it('takes a setting away with null: then it is as if it had never been set', async () => {
    const given = { filter_conditions: { entity_filter: ['return'] } }
    await patch('erp', { ...given, delivery: { max_in_flight: 1, timeout_ms: 5_000 } })
    const nulls = { filter_conditions: null, delivery: { max_in_flight: null, headers: null } }
    const { status, body } = await patch('erp', nulls)
    expect(status).toBe(200)
    expect(body).not.toHaveProperty('filter_conditions')
    expect(body['delivery']).toEqual({ timeout_ms: 5_000 })
    expect(await on('erp')).toMatchObject({ body: { ...body, health: expect.anything() } })
    await on('erp', '/_start', 'POST')
    await deliver()
    await on('erp', '/_stop', 'POST')
  })

  it('takes nothing away that an integration needs, or that it has another way for', async () => {
    for (const [part, name] of [
      ['callback_parameters', 'callback_url'],
      ['s3_parameters', 'bucket'],
      ['delivery', 'signing_secret'],
      ['delivery', 'max_in_fligth'],
    ] as const) {
      expect(await patch('erp', { [part]: { [name]: null } })).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining(`${part}.${name}`) },
      })
    }
  })

  it('takes the settings of files away, and the key of a webhook at another origin', async () => {
    const optional = { key_prefix: 'a', compression: 'gzip', endpoint: 'https://s3.example' }
    await register(service.url, 'files', '', {
      callback_parameters: undefined,
      s3_parameters: { ...s3_parameters, ...optional },
    })
    await on('files', '/_stop', 'POST')
    const where = { aws_region: 'eu-west-1', bucket: 'c' }
    const nulls = { ...where, key_prefix: null, compression: null }
    expect(await patch('files', { s3_parameters: nulls })).toMatchObject({ status: 200 })
    const { body } = await on('files')
    expect(body['s3_parameters']).toEqual({ ...where, endpoint: optional.endpoint })
    // Another store: the stored keys do not go there.
    expect(await patch('files', { s3_parameters: { ...where, endpoint: null } })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('s3_parameters.aws_access_key_id') },
    })
    const callback = { callback_url: receiver.url, api_key: 'a-key' }
    await patch('erp', { callback_parameters: callback })
    const moved = { callback_url: receiver.url.replace('127.0.0.1', 'localhost') }
    expect(await patch('erp', { callback_parameters: moved })).toMatchObject({ status: 400 })
    const without = { ...moved, api_key: null }
    expect(await patch('erp', { callback_parameters: without })).toMatchObject({ status: 200 })
  })

  it('may name the version that it is meant for', async () => {
    const { headers } = await on('erp')
    const update = { filter_conditions: { entity_filter: ['return'] } }
    expect(await patch('erp', update, { 'if-match': '"1"' })).toMatchObject({
      status: 412,
      body: { error_code: 'precondition_failed' },
    })
    const etag = String(headers['etag'])
    expect(await patch('erp', update, { 'if-match': etag })).toMatchObject({ status: 200 })
    expect((await on('erp')).headers['etag']).not.toBe(etag)
  })

  it('that names no version is decided anew if another change comes first', async () => {
    const entities = ['order', 'return', 'invoice', 'customer', 'employee']
    const replies = await Promise.all(
      entities.map((entity) =>
        patch('erp', { filter_conditions: { entity_filter: [entity] } }, {}),
      ),
    )
    expect(replies.map(({ status }) => status)).toEqual(entities.map(() => 200))
  })

  it('may name a list of versions, or any; a weak one is none', async () => {
    const update = { filter_conditions: { entity_filter: ['return'] } }
    const etag = async () => String((await on('erp')).headers['etag'])
    const matching = ['"0", ETAG', 'ETAG ,"0"', '"a,b",W/"1",ETAG', '*', 'ETAG,']
    for (const ifMatch of matching) {
      const headers = { 'if-match': ifMatch.replace('ETAG', await etag()) }
      expect([ifMatch, await patch('erp', update, headers)]).toMatchObject([
        ifMatch,
        { status: 200 },
      ])
    }
    for (const ifMatch of ['W/ETAG', '"0","1"', 'BARE', '"*"', '"ETAG', '*,"0"']) {
      const now = await etag()
      const names = ifMatch.replace('ETAG', now).replace('BARE', now.replaceAll('"', ''))
      expect([ifMatch, await patch('erp', update, { 'if-match': names })]).toMatchObject([
        ifMatch,
        { status: 412 },
      ])
    }
  })
})

describe('delivery settings', () => {
  const signing_secret = newSigningSecret()
  const verify = (secret: string, { body, headers }: Received) =>
    new Webhook(secret).verify(body.toString(), headers as Record<string, string>)

  it('sign, send headers along, and are shown without their secrets', async () => {
    const delivery = {
      max_in_flight: 1,
      timeout_ms: 5_000,
      headers: { 'X-Shop': 'a-header-secret' },
      signing_secret,
    }
    await register(service.url, 'signed', receiver.url, { delivery })
    expect((await on('signed')).body['delivery']).toEqual({
      max_in_flight: 1,
      timeout_ms: 5_000,
      headers: ['X-Shop'],
      is_signed: true,
    })
    const received = await deliver()
    expect(received.headers['x-shop']).toBe('a-header-secret')
    expect(() => verify(signing_secret, received)).not.toThrow()
    expect(() => verify(newSigningSecret(), received)).toThrow()
    const { rows } = await database.pool.query('select document::text from config_log')
    for (const secret of ['a-header-secret', signing_secret, 'first-key']) {
      expect(JSON.stringify(rows)).not.toContain(secret)
      expect(service.output()).not.toContain(secret)
    }
  })

  it('rotate: for a while both secrets sign, then only the new one', async () => {
    const rotate = (overlap_seconds: number) =>
      call(`${service.url}${EVENTSTREAM}/signed/_rotate_signing_secret`, {
        body: JSON.stringify({ overlap_seconds }),
      })
    const { status, body, headers } = await rotate(3_600)
    expect(status).toBe(200)
    expect(headers['cache-control']).toBe('no-store')
    const second = String(body['signing_secret'])
    const both = await until('the new secret signs', async () => {
      const received = await deliver()
      return String(received.headers['webhook-signature']).includes(' ') && received
    })
    expect(() => verify(signing_secret, both)).not.toThrow()
    expect(() => verify(second, both)).not.toThrow()

    const third = String((await rotate(0)).body['signing_secret'])
    const one = await until('the newest secret signs alone', async () => {
      const received = await deliver()
      try {
        verify(third, received)
        return received
      } catch {
        return false
      }
    })
    expect(() => verify(second, one)).toThrow()
  })

  it('rotate within a turn, too: its end ends the former secret', async () => {
    const { body } = await call(`${service.url}${EVENTSTREAM}/signed/_rotate_signing_secret`, {
      body: JSON.stringify({ overlap_seconds: 2 }),
    })
    const end = Date.parse(String(body['previous_valid_until']))
    // Events without a pause: the turn that sends both signatures does not end.
    for (;;) {
      const sentAt = Date.now()
      const received = await deliver()
      const signatures = String(received.headers['webhook-signature']).split(' ').length
      if (sentAt >= end) {
        expect(signatures).toBe(1)
        return
      }
    }
  })

  it('rotate without a body, for a day; a body that is no object is still refused', async () => {
    const path = `${service.url}${EVENTSTREAM}/signed/_rotate_signing_secret`
    const { status, body } = await call(path, { method: 'POST' })
    expect(status).toBe(200)
    const until = Date.parse(String(body['previous_valid_until']))
    expect(until).toBeGreaterThan(Date.now() + 86_000_000)
    expect(until).toBeLessThan(Date.now() + 86_500_000)
    expect(await call(path, { body: '[]' })).toMatchObject({ status: 400 })
    const { body: document } = await call(`${service.url}/openapi.json`)
    const paths = document['paths'] as Record<string, { post: { requestBody: object } }>
    const operation = paths[`${EVENTSTREAM}/{integration_id}/_rotate_signing_secret`]?.post
    expect(operation?.requestBody).toMatchObject({ required: false })
  })
})

describe('statistics', () => {
  it('tell where an integration stands', async () => {
    const stats = async () => (await on('signed', '/stats')).body
    await deliver()
    await until('nothing is behind', async () => (await stats())['lag_events'] === 0)
    expect(await stats()).toMatchObject({
      status: 'running',
      lag_seconds: 0,
      failures_in_a_row: 0,
      next_retry_at: null,
      replay: null,
      last_delivery_at: expect.stringMatching(/Z$/),
      latency_ms: { p50: expect.any(Number), p99: expect.any(Number) },
    })
    receiver.answer = (_, response) => response.writeHead(500).end()
    await publish(service.url, { key: randomUUID(), payload: '{}' })
    await until('it is interrupted', async () => (await stats())['status'] === 'interrupted')
    const failing = await stats()
    expect(failing['lag_events']).toBe(1)
    expect(failing['failures_in_a_row']).toBeGreaterThan(0)
    expect(failing['next_retry_at']).toEqual(expect.any(String))
    expect((await on('signed')).body['status']).toBe('running')
  })
})

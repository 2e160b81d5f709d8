// Events that are posted to the collector: what is answered, what stands in the log, what is
// refused.

import { describe, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { aCollectedEvent, collector, EVENTS } from '../../scripts/kit/collector.ts'
import { ok, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('start', database)

/** The example of the reference document, as it stands there. */
const example = {
  entity_id: 'string',
  entity_name: 'string',
  event_payload: {
    base64_encoded_fault_json: 'string',
    base64_encoded_payload_json: 'string',
    entity_id: 'string',
    key_attributes: {
      additionalProp1: 'string',
      additionalProp2: 'string',
      additionalProp3: 'string',
    },
    operation: 'BULK_CREATE',
  },
  event_source: 'APPLICATION',
  event_type: 'ENTITY_EVENT',
  id: 'string',
}
const post = (body: unknown, options = {}) => collector(service.url + EVENTS, 'POST', body, options)
const get = (id: string, options = {}) =>
  collector(`${service.url}${EVENTS}/${encodeURIComponent(id)}`, 'GET', undefined, options)

describe('an event', () => {
  it('makes the round trip as the reference document shows it', async () => {
    expect(await post(example)).toMatchObject({ status: 201, body: example })
    expect(await get('string')).toMatchObject({ status: 200, body: example })
    const { rows } = await database.pool.query(
      `select name, entity_id, idempotency_key, team, service, payload from event
       where idempotency_key = 'string'`,
    )
    expect(rows).toEqual([
      {
        name: 'string.bulk_create',
        entity_id: 'string',
        idempotency_key: 'string',
        team: 'event-collector',
        service: 'APPLICATION',
        payload: JSON.stringify(example),
      },
    ])
  })

  it('is passed on to the byte, with all that it has', async () => {
    const receiver = await startReceiver(ok)
    await register(service.url, 'erp', receiver.url, {
      filter_conditions: { entity_filter: ['variant_product'] },
    })
    const event = aCollectedEvent({ entity_name: 'VARIANT_PRODUCT', id: 'ü 1' })
    const bytes = ` ${JSON.stringify(event).slice(0, -1)}, "more": 25.080, "more": "\\u0000" }\n`
    expect((await post(bytes)).status).toBe(201)
    expect((await get('ü 1')).status).toBe(200)
    const received = await until('it arrives', () => receiver.received[0])
    expect(received.body.toString()).toContain(`"payload":${bytes}}`)
    expect(received.headers['idempotency-key']).toBe(Buffer.from('ü 1').toString('latin1'))
    await receiver.close()
  })

  it('is appended once, and its id is taken for every name', async () => {
    const event = aCollectedEvent()
    for (let i = 0; i < 3; i++) expect((await post(event)).status).toBe(201)
    const other = { ...event, event_payload: { ...event.event_payload, operation: 'DELETE' } }
    expect(await post(other)).toMatchObject({
      status: 400,
      body: { error_code: 'idempotency_key_reused', message: expect.stringMatching(/^The id was/) },
    })
    expect((await post(other, { tenant: 'another' })).status).toBe(201)
    const text = 'select count(*)::integer as count from event where idempotency_key = $1'
    const { rows } = await database.pool.query(text, [event.id])
    expect(rows).toEqual([{ count: 2 }])
  })

  it('is found by the tenant that posted it, and by no other', async () => {
    const event = aCollectedEvent()
    await post(event)
    expect(await get(event.id, { tenant: 'stranger' })).toMatchObject({ status: 404 })
    expect(await get('nobody-knows')).toMatchObject({
      status: 404,
      body: { error_code: 'not_found', message: 'There is no event "nobody-knows".' },
    })
    await publish(service.url, { key: 'gateway-1', payload: '{}' })
    expect(await get('gateway-1')).toMatchObject({ status: 404 })
  })
})

describe('what is refused', () => {
  const { event_payload, ...rest } = aCollectedEvent()
  it.each([
    ['', 'body is empty; it must be one JSON object.'],
    ['{', /^body is not valid JSON/],
    ['[]', /^body must be object/],
    ['{"a":'.repeat(257), 'body is nested deeper than 256 levels.'],
    [{ ...rest }, 'event_payload is missing.'],
    [{ ...rest, event_payload: {} }, 'event_payload.operation is missing.'],
    [
      { ...rest, event_payload: { operation: 'create' } },
      /^event_payload.operation must be a word in capitals/,
    ],
    [{ ...rest, event_payload: { operation: 7 } }, /^event_payload.operation must be string/],
    [
      { ...rest, event_payload: { ...event_payload, key_attributes: { country: 1 } } },
      /event_payload.key_attributes/,
    ],
    [
      { ...rest, event_payload: { ...event_payload, base64_encoded_payload_json: {} } },
      /event_payload.base64_encoded_payload_json/,
    ],
    [{ ...rest, event_payload, event_source: 'app' }, /^event_source must be a word in capitals/],
    [{ ...rest, event_payload, event_type: null }, /^event_type must be string/],
    [
      { ...rest, event_payload, entity_name: 'a.b' },
      /^entity_name must be letters, digits, spaces/,
    ],
    [{ ...rest, event_payload, id: ' a' }, /^id must be one line, .* without blanks at its ends/],
    [{ ...rest, event_payload, entity_id: '' }, /^entity_id must not have fewer than 1 char/],
    [
      { ...rest, event_payload, entity_id: 'a\nb' },
      /^entity_id must be one line, without control characters/,
    ],
    [{ ...rest, event_payload, id: 'x'.repeat(256) }, /^id must not have more than 255 char/],
    [{ event_payload }, /entity_id is missing; entity_name is missing; event_source is missing/],
  ])('%j', async (body, message) => {
    const reply = await post(body)
    const expected = typeof message === 'string' ? message : expect.stringMatching(message)
    expect(reply).toMatchObject({
      status: 400,
      body: { error_code: 'invalid_request', message: expected, request_id: expect.any(String) },
    })
  })

  it('is refused as fast as it would be taken, however many entries it has', async () => {
    const bodyOf = (value: unknown, changes = {}) => {
      const key_attributes = Object.fromEntries(
        Array.from({ length: 75_000 }, (_, i) => [`k${i}`, value]),
      )
      return JSON.stringify({
        ...aCollectedEvent(),
        event_payload: { ...event_payload, key_attributes },
        ...changes,
      })
    }
    const timed = async (body: string, status: number) => {
      const start = performance.now()
      const reply = await post(body)
      const ms = performance.now() - start
      expect(reply.status).toBe(status)
      return { ms, message: reply.body['message'] }
    }
    const ratios: number[] = []
    for (let round = 0; round < 3; round++) {
      const right = await timed(bodyOf('a'), 201)
      for (const body of [bodyOf(111), bodyOf('a', { id: 5 })]) {
        const wrong = await timed(body, 400)
        expect(wrong.message).toMatch(
          /^event_payload.key_attributes has more than 2000 entries, and the body is not valid/,
        )
        ratios.push(wrong.ms / right.ms)
      }
    }
    expect(ratios.sort((a, b) => a - b)[2]).toBeLessThan(2)
  })

  it('takes other values of the same form as the enums', async () => {
    const event = aCollectedEvent({ event_source: 'POS_2', event_type: 'SYSTEM_EVENT' })
    event.event_payload.operation = 'SOFT_DELETE'
    expect((await post(event)).status).toBe(201)
  })

  it('says who may not', async () => {
    expect((await post(aCollectedEvent(), { token: null })).status).toBe(401)
    expect((await post(aCollectedEvent(), { token: 'unknown' })).status).toBe(401)
    expect((await post(aCollectedEvent(), { tenant: '' })).status).toBe(400)
    expect((await post(aCollectedEvent(), { tenant: 'no tenant' })).status).toBe(400)
    expect((await collector(service.url + EVENTS, 'PUT', {})).status).toBe(405)
  })
})

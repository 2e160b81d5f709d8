// What a message says: the event as it was collected, or a representation that is made for it.

import { describe, expect, it } from 'vitest'
import { groupOf, messageOf } from '../../src/destination/message.ts'

const event = {
  tenant: 'dodici',
  position: 1_760_000_000_123_456,
  name: 'order.items_cancelled',
  entityId: 'order-1',
  idempotencyKey: 'schlüssel-1',
  publishedAt: '2025-10-09T08:53:20.123456Z',
  traceparent: null,
  payload: '{"b":25.080,"a":12345678901234567890,"b":"\\u0000😀"}',
}
const collected = {
  ...event,
  name: 'customer.bulk_create',
  payload:
    '{"entity_name":"CUSTOMER", "event_payload":{"n":1.50,"operation":"BULK_CREATE"},' +
    '"id":"schlüssel-1","entity_id":"c-1"}',
}

describe('the body', () => {
  it('of an event of the gateway has its payload where collected ones have theirs', () => {
    const { event_payload, ...rest } = JSON.parse(messageOf(event).body)
    expect(rest).toEqual({
      entity_id: 'order-1',
      entity_name: 'ORDER',
      event_source: 'APPLICATION',
      event_type: 'ENTITY_EVENT',
      id: 'schlüssel-1',
    })
    const { base64_encoded_payload_json, ...told } = event_payload
    expect(Buffer.from(base64_encoded_payload_json, 'base64').toString()).toBe(event.payload)
    expect(told).toEqual({
      entity_id: 'order-1',
      key_attributes: { name: 'order.items_cancelled', published_at: event.publishedAt },
      operation: 'ITEMS_CANCELLED',
    })
  })
  it('of a collected event is what was posted', () => {
    expect(messageOf(collected).body).toBe(collected.payload)
    const escaped = collected.payload.replace('event_payload', 'event\\u005fpayload')
    expect(messageOf({ ...collected, payload: escaped }).body).toBe(escaped)
  })
  it.each([
    '{"id":"other","entity_name":"CUSTOMER","event_payload":{}}',
    '{"id":"schlüssel-1","entity_name":"CUSTOMER","event_payload":[]}',
    '{"id":"schlüssel-1","entity_name":null,"event_payload":{}}',
    '{"event_payload":{"id":"schlüssel-1","entity_name":"CUSTOMER"}}',
  ])('of %s is made: it represents no event, or another one', (payload) => {
    const { body } = messageOf({ ...collected, payload })
    const { event_payload } = JSON.parse(body)
    expect(atob(event_payload.base64_encoded_payload_json)).toBe(
      Buffer.from(payload).toString('latin1'),
    )
  })
  it('escapes the two characters that JSON may contain and no message may', () => {
    const payload = collected.payload.replace('"n":1.50', '"n":"\ufffe\uffff"')
    const { body } = messageOf({ ...collected, payload })
    expect(body).toContain('"n":"\\ufffe\\uffff"')
    expect(JSON.parse(body)).toEqual(JSON.parse(payload))
  })
})

describe('the attributes', () => {
  it('name the event', () => {
    expect(messageOf(event).attributes).toEqual({
      tenant: { DataType: 'String', StringValue: 'dodici' },
      name: { DataType: 'String', StringValue: 'order.items_cancelled' },
      idempotency_key: { DataType: 'String', StringValue: 'schlüssel-1' },
      position: { DataType: 'Number', StringValue: '1760000000123456' },
    })
  })
  it('have its trace, if it has one', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    expect(messageOf({ ...event, traceparent }).attributes).toMatchObject({
      traceparent: { DataType: 'String', StringValue: traceparent },
    })
  })
  it('have nothing that no message may contain', () => {
    const { attributes } = messageOf({ ...event, idempotencyKey: 'a\uffff\u0001b' })
    expect(attributes['idempotency_key']?.StringValue).toBe('a\ufffd\ufffdb')
  })
})

describe('the group', () => {
  it.each(['order-1', 'x'.repeat(128), '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'])('of %s is it', (id) =>
    expect(groupOf(id)).toBe(id),
  )
  it.each(['order 1', 'größe', 'x'.repeat(129), ''])('of "%s" is its hash', (id) => {
    expect(groupOf(id)).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(groupOf(id)).not.toBe(groupOf(`${id}!`))
  })
})

it('has the same deduplication id each time, and another one for each event', () => {
  expect(messageOf(event).deduplicationId).toBe('msg_dodici_1760000000123456')
  expect(messageOf({ ...event, tenant: 'x'.repeat(63) }).deduplicationId.length).toBeLessThan(128)
})

it('is as large as the services count it', () => {
  const { body, bytes } = messageOf(event)
  const attributes = 'tenantStringdodicinameStringorder.items_cancelled'.length
  const others = Buffer.byteLength('idempotency_keyStringschlüssel-1positionNumber1760000000123456')
  expect(bytes).toBe(Buffer.byteLength(body) + attributes + others)
})

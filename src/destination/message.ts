// An event as a message of a queue or a topic. Its body is the collector's representation of an
// event: of a collected event what was posted, byte for byte; of an event of the gateway one that
// is made for it, with the payload in base64 where collected events have theirs, so that who reads
// the one can read the other. What a filter or a router asks for stands in attributes.

import { hash } from 'node:crypto'
import { isObject } from '../json.ts'
import type { OutgoingEvent } from './destination.ts'

export type Message = {
  body: string
  attributes: Record<string, { DataType: 'String' | 'Number'; StringValue: string }>
  /** Messages of one group arrive in order, on FIFO queues and topics. */
  groupId: string
  /**
   * The same for an event in every retry and replay; the id that webhooks get. Not made of the
   * idempotency key, which two events of different names may share: a queue would drop one.
   */
  deduplicationId: string
  /** As the services count them: the body, and the attributes' names, types and values. */
  bytes: number
}

/** What AWS takes for the id of a group. */
const GROUP_ID = /^[\x21-\x7e]{1,128}$/
/** What no message may contain; JSON text has them in strings only, where they can be escaped. */
const FORBIDDEN_IN_BODY = /[\ufffe\uffff]/g
const FORBIDDEN = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

/** The message of an event. Pure. */
export function messageOf(event: OutgoingEvent): Message {
  const body = (isRepresentation(event) ? event.payload : representationOf(event)).replace(
    FORBIDDEN_IN_BODY,
    (character) => `\\u${character.charCodeAt(0).toString(16)}`,
  )
  const attributes = {
    tenant: attribute('String', event.tenant),
    name: attribute('String', event.name),
    idempotency_key: attribute('String', event.idempotencyKey),
    position: attribute('Number', String(event.position)),
  }
  return {
    body,
    attributes,
    groupId: groupOf(event.entityId),
    deduplicationId: `msg_${event.tenant}_${event.position}`,
    bytes: sizeOf(body, attributes),
  }
}

/**
 * The group of an entity: its id, or, where a group cannot have such a name (a space, a character
 * beyond ASCII, more than 128 of them), `sha256:` and the hash of the id in hex.
 */
export function groupOf(entityId: string): string {
  if (GROUP_ID.test(entityId)) return entityId
  return `sha256:${hash('sha256', entityId)}`
}

/**
 * Whether a payload is the collector's representation of this very event. Whoever has posted it: it
 * needs no other one.
 */
function isRepresentation({ payload, idempotencyKey }: OutgoingEvent): boolean {
  // Parsing costs more than looking for a word; a key may be spelled with escapes.
  if (!payload.includes('event_payload') && !payload.includes('\\u')) return false
  const { id, entity_name, event_payload } = JSON.parse(payload)
  const isNamed = typeof entity_name === 'string'
  return id === idempotencyKey && isNamed && isObject(event_payload)
}

/** `order.items_cancelled` is the entity ORDER and the operation ITEMS_CANCELLED. */
function representationOf(event: OutgoingEvent): string {
  const [entity = '', ...action] = event.name.split('.')
  return JSON.stringify({
    entity_id: event.entityId,
    entity_name: inCapitals(entity),
    event_payload: {
      base64_encoded_payload_json: Buffer.from(event.payload).toString('base64'),
      entity_id: event.entityId,
      key_attributes: { name: event.name, published_at: event.publishedAt },
      operation: inCapitals(action.join('_')),
    },
    event_source: 'APPLICATION',
    event_type: 'ENTITY_EVENT',
    id: event.idempotencyKey,
  })
}

function inCapitals(word: string): string {
  return word.toUpperCase().replaceAll('-', '_')
}

/** The exact value is in the body, where nothing is forbidden. */
function attribute<Type extends 'String' | 'Number'>(DataType: Type, value: string) {
  return { DataType, StringValue: value.replace(FORBIDDEN, '\ufffd') }
}

function sizeOf(body: string, attributes: Message['attributes']): number {
  let size = Buffer.byteLength(body)
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    size += name.length + DataType.length + Buffer.byteLength(StringValue)
  }
  return size
}

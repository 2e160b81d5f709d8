// An event as a message of a queue or topic. The body is the collector's representation of an
// event. A collected event is sent as it was posted, byte for byte. For an event of the gateway the
// representation is made here, with the payload in base64, as collected events have it. So readers
// of one kind can read the other. Attributes carry what filters and routers need.

import { hash } from 'node:crypto'
import { isObject } from '../input/json.ts'
import type { OutgoingEvent } from './destination.ts'

export type Message = {
  body: string
  attributes: Record<string, { DataType: 'String' | 'Number'; StringValue: string }>
  /** On FIFO queues and topics, messages of one group arrive in order. */
  groupId: string
  /**
   * The same in every retry and replay; webhooks get this id, too. It does not use the idempotency
   * key, which two events of different names may share: a queue would drop one of them.
   */
  deduplicationId: string
  /** The size as the services count it: the body, and the names, types and values of attributes. */
  bytes: number
}

/** AWS's rule for group ids. */
const GROUP_ID = /^[\x21-\x7e]{1,128}$/
/**
 * Characters that no message may contain. JSON has them only in strings, where they can be escaped.
 */
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
    ...(event.traceparent === null ? {} : { traceparent: attribute('String', event.traceparent) }),
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
 * The group of an entity: its id. If AWS does not allow that as a group (a space, a character
 * beyond ASCII, more than 128 characters), it is `sha256:` and the hash of the id in hex.
 */
export function groupOf(entityId: string): string {
  if (GROUP_ID.test(entityId)) return entityId
  return `sha256:${hash('sha256', entityId)}`
}

/**
 * Whether a payload is already the collector's representation of this very event, whichever API
 * published it.
 */
function isRepresentation({ payload, idempotencyKey }: OutgoingEvent): boolean {
  // Searching for a word is cheaper than parsing; escapes may hide the word.
  if (!payload.includes('event_payload') && !payload.includes('\\u')) return false
  const { id, entity_name, event_payload } = JSON.parse(payload)
  const isNamed = typeof entity_name === 'string'
  return id === idempotencyKey && isNamed && isObject(event_payload)
}

/** `order.items_cancelled` becomes the entity ORDER and the operation ITEMS_CANCELLED. */
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

/** The exact value is also in the body, where every character is allowed. */
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

// The collector's representation of an event, and its form in the log. The name is the entity in
// snake case and the operation in lower case; the payload is the posted body, byte for byte. The
// body is checked and never rewritten; additional fields are passed on.

import { type Static, Type } from 'typebox'
import { limits } from '../config.ts'
import { ruled } from '../input/pattern.ts'
import { KEY, ONE_LINE } from '../input/text.ts'
import type { NewEvent } from '../log/event.ts'
import { OpenEnum } from './open-enum.ts'

const Id = (description: string, pattern = ONE_LINE) =>
  Type.String({
    minLength: 1,
    maxLength: limits.textLength,
    pattern,
    description: `${description} At most ${limits.textLength} characters, no control characters.`,
  })
export const EventId = Id(
  'Unique id of the event: the idempotency key across all collected events.',
  KEY,
)
const Base64 = Type.Optional(
  Type.Union([Type.String(), Type.Null()], {
    description: 'JSON in base64; its contents are not checked.',
  }),
)
/** Entities that notifications read: notification/shop/entity.ts. */
const shopEntities = [
  'Customer',
  'Wishlist',
  'Product',
  'VariantProduct',
  'Price',
  'InventoryLevel',
]
const EncodedPayload = Type.Optional(
  Type.Union([
    Type.String({
      contentEncoding: 'base64',
      contentMediaType: 'application/json',
      contentSchema: {
        description:
          'Not checked: everything is passed on. Notifications read these, or an array of them.',
        anyOf: shopEntities.map((name) => ({ $ref: `#/components/schemas/Collected${name}` })),
      },
    }),
    Type.Null(),
  ]),
)

const ENTITY_NAME = ruled(
  '^[A-Za-z]([A-Za-z0-9_ -]*[A-Za-z0-9])?$',
  'be letters, digits, spaces, _ and -, from a letter to a letter or digit',
)

export const CollectedEvent = Type.Object(
  {
    entity_id: Id('Id of the entity: the entity id of the event in the log.'),
    entity_name: Type.String({
      maxLength: 100,
      pattern: ENTITY_NAME,
      description:
        'CUSTOMER, VARIANT_PRODUCT, ...; in snake case it is the entity of the event name.',
    }),
    event_payload: Type.Object(
      {
        base64_encoded_fault_json: Base64,
        base64_encoded_payload_json: EncodedPayload,
        entity_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        key_attributes: Type.Optional(
          // Not a Record: under a name with a line break it would accept any value.
          Type.Union([Type.Object({}, { additionalProperties: Type.String() }), Type.Null()]),
        ),
        operation: OpenEnum(['BULK_CREATE'], 'In lower case it is the action of the event name.'),
      },
      { title: 'CollectedPayload' },
    ),
    event_source: OpenEnum(['APPLICATION'], 'The service of the event in the log.'),
    event_type: OpenEnum(['ENTITY_EVENT'], 'The kind of the event.'),
    id: EventId,
  },
  {
    title: 'CollectedEvent',
    examples: [
      {
        entity_id: '42',
        entity_name: 'CUSTOMER',
        event_payload: {
          base64_encoded_payload_json: 'eyJpZCI6IjQyIn0=',
          entity_id: '42',
          key_attributes: { country: 'DE' },
          operation: 'CREATE',
        },
        event_source: 'APPLICATION',
        event_type: 'ENTITY_EVENT',
        id: 'customer-42-1',
      },
    ],
  },
)

const { event_payload: posted, ...others } = CollectedEvent.properties
const Capitals = (description: string) => Type.String({ maxLength: limits.textLength, description })

/**
 * The form for queues and topics. It is also made from other events, with names that may begin with
 * a digit.
 */
export const QueuedEvent = Type.Object(
  {
    ...others,
    entity_name: Capitals('As it was posted, or the entity of the event name in capitals.'),
    event_payload: Type.Object(
      {
        ...posted.properties,
        operation: Capitals('As it was posted, or the rest of the event name in capitals.'),
      },
      { title: 'QueuedPayload' },
    ),
  },
  {
    title: 'QueuedEvent',
    description: 'An event that was published in this form is passed on as it is.',
  },
)

export type CollectedEvent = Static<typeof CollectedEvent>

/**
 * The fields that are stored as text. Everything else is passed on as bytes, lone surrogates
 * included.
 */
export const textsOf = ({ id, entity_id }: CollectedEvent) => ({ id, entity_id })

/** The publisher of collected events; the service is the event's own source. */
const TEAM = 'event-collector'

/** The event of the log for a posted `event` with the body `bytes`. */
export function collectedEventOf(
  { tenant, live, traceparent }: Pick<NewEvent, 'tenant' | 'live' | 'traceparent'>,
  event: CollectedEvent,
  bytes: Buffer,
): NewEvent {
  const { entity_id, entity_name, event_payload, event_source, id } = event
  return {
    tenant,
    name: `${entityOfType(entity_name)}.${event_payload.operation.toLowerCase()}`,
    entityId: entity_id,
    idempotencyKey: id,
    team: TEAM,
    service: event_source,
    correlationIds: '{}',
    payload: bytes,
    live,
    traceparent,
  }
}

/** The entity of the log for a type: customer for CUSTOMER, price_list for PriceList. */
export function entityOfType(type: string): string {
  return type
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[ -]+/g, '_')
    .toLowerCase()
}

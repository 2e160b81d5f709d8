// GET /asyncapi.json: the AsyncAPI 3 document of deliveries: the channels, and a message for each
// known event type. The OpenAPI document describes what the service accepts.

import { CollectedEvent, QueuedEvent } from '../collector/event.ts'
import { DeliveredEvent } from '../history/schemas.ts'
import { createComponents } from '../http/components.ts'
import { exampleOf } from '../http/example.ts'
import { type EventType, knownEventTypes } from '../log/catalog.ts'
import { PositionValue } from '../log/position.ts'
import { version } from '../version.ts'
import { deliveryHeaders, exampleOfDelivery } from './webhooks.ts'

const text = { type: 'string' }

/** Attributes of each message in a queue or a topic. */
const attributes = {
  tenant: text,
  name: { ...text, description: 'The name of the event: `order.created`.' },
  idempotency_key: text,
  position: PositionValue('The position of the event in the log.'),
}
const traceparent = {
  ...text,
  description: 'The trace of the event, by W3C Trace Context, if it has one.',
}

const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'The `api_key` of the integration, if it has one.',
  },
  aws: {
    type: 'userPassword',
    description: "The access key and its secret, which sign each request by AWS's rules.",
  },
}

/** The document as text. */
export function asyncApiText(): string {
  // AsyncAPI uses JSON Schema draft 7, which lacks this keyword.
  return JSON.stringify(asyncApiDocument(), (key, value) =>
    key === 'contentSchema' ? undefined : value,
  )
}

function asyncApiDocument(): object {
  const { schemas: shared, refer } = createComponents()
  const event = refer(DeliveredEvent)
  const headers = headersOf(Object.values(deliveryHeaders))
  const messages = Object.fromEntries(
    knownEventTypes.map((type) => [idOf(type), messageOf(type, event, headers)]),
  )
  const all = Object.fromEntries(
    Object.keys(messages).map((id) => [id, { $ref: `#/components/messages/${id}` }]),
  )
  const collected = {
    name: 'collected_event',
    title: 'An event in the form of the event collector',
    contentType: 'application/json',
    headers: {
      type: 'object',
      properties: { ...attributes, traceparent },
      required: Object.keys(attributes),
    },
    payload: refer(QueuedEvent),
    examples: [{ payload: exampleOf(CollectedEvent) }],
  }
  const line = {
    name: 'event_line',
    title: 'An event, in one line',
    contentType: 'application/json',
    payload: { allOf: [event, { properties: { traceparent } }] },
    examples: [{ payload: exampleOf(DeliveredEvent) }],
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Millrace: deliveries',
      version,
      description:
        'Events in order per entity, at least once. Publishers may use other names; ' +
        '`GET /event-types` lists those in use.',
      contact: { name: 'The operator of this service' },
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels: {
      webhook: channel('The callback URL of an integration.', all),
      file: channel('Files in a bucket of S3, an event a line, without headers.', {
        event_line: { $ref: '#/components/messages/event_line' },
      }),
      queue: channel('A queue of SQS or a topic of SNS that a subscription names.', {
        collected_event: { $ref: '#/components/messages/collected_event' },
      }),
    },
    operations: {
      deliverToWebhook: {
        ...sendTo('webhook', 'bearer', 'Each event is a request. Any 2xx acknowledges it.'),
        bindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
      },
      writeFile: sendTo('file', 'aws', 'By default a file ends after 5 minutes or at 50 MiB.'),
      sendToQueue: sendTo('queue', 'aws', 'Each event is a message, in batches of 10.'),
    },
    components: {
      schemas: shared,
      messages: { ...messages, event_line: line, collected_event: collected },
      securitySchemes,
    },
  }
}

const idOf = ({ name }: EventType) => name.replace('.', '_')

function messageOf(type: EventType, event: object, headers: object): object {
  const { name, description, deprecated, schema } = type
  const properties = { name: { const: name }, ...(schema && { payload: schema }) }
  const own = { properties, ...(deprecated ? { deprecated } : {}) }
  return {
    name,
    title: name,
    summary: description,
    contentType: 'application/json',
    headers,
    payload: { allOf: [event, own] },
    examples: [{ payload: exampleOfDelivery(type) }],
  }
}

type Header = { name: string; description: string; schema: object; required: boolean }

function headersOf(headers: Header[]): object {
  return {
    type: 'object',
    properties: Object.fromEntries(
      headers.map(({ name, description, schema }) => [name, { ...schema, description }]),
    ),
    required: headers.filter(({ required }) => required).map(({ name }) => name),
  }
}

function channel(description: string, messages: object): object {
  return { description, messages }
}

function sendTo(name: string, security: keyof typeof securitySchemes, summary: string): object {
  return {
    action: 'send',
    channel: { $ref: `#/channels/${name}` },
    summary,
    security: [{ $ref: `#/components/securitySchemes/${security}` }],
  }
}

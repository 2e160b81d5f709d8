// The webhooks in the OpenAPI document: one for each known event type. Only the event's name
// differs.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import { DeliveredEvent } from '../history/schemas.ts'
import type { Components } from '../http/components.ts'
import { exampleOf } from '../http/example.ts'
import { type EventType, knownEventTypes } from '../log/catalog.ts'
import { PositionValue } from '../log/position.ts'

const text = { type: 'string' }
const header = (name: string, description: string, schema: object, required = true) => ({
  in: 'header',
  name,
  description,
  required,
  schema,
})

/** Headers of a delivery that are useful to an integrator. */
export const deliveryHeaders = {
  WebhookId: header('webhook-id', 'The same for an event in every retry and replay.', text),
  WebhookTimestamp: header(
    'webhook-timestamp',
    'When the request was made, in seconds since 1970.',
    {
      type: 'integer',
      format: 'int64',
      minimum: 0,
    },
  ),
  WebhookSignature: header(
    'webhook-signature',
    'The signature by Standard Webhooks, if there is a signing secret; two after a rotation.',
    text,
    false,
  ),
  IdempotencyKey: header(
    'idempotency-key',
    "The publisher's key, unique per event name: identify duplicates by both, or by webhook-id.",
    text,
  ),
  MillracePosition: header(
    'millrace-position',
    'The position of the event in the log.',
    PositionValue('A position.'),
  ),
  Traceparent: header('traceparent', 'The trace of the event, if it has one.', text, false),
  MillraceTest: header('millrace-test', '`true` for a test event (`_test`).', text, false),
}

const retried =
  `The stream is interrupted, and the event sent again: up to ${limits.retries} times, by ` +
  'default over about 20 minutes. Then the integration stops; started again, it goes on with ' +
  'this event.'
const busy = `${retried} \`Retry-After\` is honoured within that time.`
const answers: Record<string, [name: string, description: string]> = {
  '2XX': ['Taken', 'The event is acknowledged; the next one follows.'],
  400: [
    'Rejected',
    'The event is kept as rejected, to be retried or deleted, and the stream goes on; with ' +
      `${limits.rejectedEvents} kept the integration stops.`,
  ],
  403: ['Refused', 'The integration stops at once. A start begins with this event.'],
  410: ['Gone', 'As 403.'],
  429: ['Throttled', busy],
  503: ['Unavailable', busy],
  default: ['Failed', `Any other answer, redirects included, or none in time. ${retried}`],
}

/** The webhooks, and the components that they share. */
export function describeWebhooks({ refer }: Components) {
  // Inlined in each: generators that ignore webhooks drop components that only webhooks use.
  const parameters = Object.values(deliveryHeaders)
  const responses = Object.entries(answers).map(([status, [name]]) => [
    status,
    { $ref: `#/components/responses/Receiver${name}` },
  ])
  const receive = ({ description, deprecated, ...type }: EventType) => ({
    post: {
      operationId: `receive_${type.name.replace('.', '_')}`,
      tags: ['Webhooks'],
      summary: description,
      ...(deprecated ? { deprecated } : {}),
      description: 'With `Authorization: Bearer`, the `api_key` of the integration, if it has one.',
      // None: otherwise a page that shows the document would ask for this token, too.
      security: [],
      parameters,
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: refer(deliveredOf(type)),
            example: exampleOfDelivery(type),
          },
        },
      },
      responses: Object.fromEntries(responses),
    },
  })
  return {
    webhooks: Object.fromEntries(knownEventTypes.map((type) => [type.name, receive(type)])),
    responses: Object.fromEntries(
      Object.values(answers).map(([name, description]) => [`Receiver${name}`, { description }]),
    ),
  }
}

/** A delivery of an event type, with a payload that fits its schema. */
export function exampleOfDelivery({ name, schema }: Pick<EventType, 'name' | 'schema'>): object {
  const example = exampleOf(DeliveredEvent) as object
  return { ...example, name, ...(schema && { payload: exampleOf(schema) }) }
}

/** A delivery whose payload has a schema, as that of an alert. */
function deliveredOf({ schema }: Pick<EventType, 'schema'>): Type.TSchema {
  if (!schema) return DeliveredEvent
  const { title } = schema as { title?: string }
  return Type.Object(
    { ...DeliveredEvent.properties, payload: schema },
    { title: `Delivered${title}` },
  )
}

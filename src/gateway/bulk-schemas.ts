// OpenAPI descriptions of a bulk publish: a line of its body, and a line of its answer.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import { Violations } from '../event-type/schemas.ts'
import { TENANT_PATTERN } from '../input/tenant.ts'
import { KEY, ONE_LINE } from '../input/text.ts'
import { NAME_PATTERN, Payload } from '../log/event.ts'
import { PositionValue } from '../log/position.ts'

const text = (description: string, pattern = ONE_LINE) =>
  Type.String({ minLength: 1, maxLength: limits.textLength, pattern, description })

export const Envelope = Type.Object(
  {
    name: Type.String({ maxLength: 255, pattern: NAME_PATTERN, description: '<entity>.<action>' }),
    entity_id: text("The event's main entity."),
    idempotency_key: text('Unique per tenant and event name.', KEY),
    correlation_ids: Type.Optional(
      Type.Object(
        {
          order_id: Type.Optional(Type.String({ maxLength: limits.textLength })),
          customer_id: Type.Optional(Type.String({ maxLength: limits.textLength })),
        },
        { title: 'CorrelationIds', additionalProperties: false },
      ),
    ),
    tenant: Type.Optional(
      Type.String({ pattern: TENANT_PATTERN, description: 'If it is there, that of the header.' }),
    ),
    team: Type.Optional(text('The team that publishes; without it that of the header.')),
    service: Type.Optional(text('The service that calls; without it that of the header.')),
    traceparent: Type.Optional(
      Type.String({
        description:
          "The event's trace, by W3C Trace Context. A malformed one is ignored. Without one the " +
          'event has none: a header `traceparent` belongs to the request.',
      }),
    ),
    payload: Payload,
  },
  {
    title: 'EventEnvelope',
    additionalProperties: false,
    description: 'One line of the body.',
    examples: [
      {
        name: 'order.created',
        entity_id: 'order-1',
        idempotency_key: 'order-1-created',
        correlation_ids: { order_id: 'order-1' },
        team: 'team-orders',
        service: 'shop',
        payload: { id: 'order-1', grand_total: 320.08 },
      },
    ],
  },
)

export const BulkAnswer = Type.Object(
  {
    position: Type.Optional(PositionValue('The position in the log.')),
    published_at: Type.Optional(
      Type.String({ format: 'date-time', description: 'The position as a time, UTC.' }),
    ),
    duplicate: Type.Optional(
      Type.Boolean({ description: 'Whether the same event was published before.' }),
    ),
    warnings: Violations,
    error: Type.Optional(
      Type.Object(
        {
          code: Type.String({ description: 'The fault, for programs.' }),
          message: Type.String(),
          details: Type.Array(
            Type.Object({ field: Type.String(), code: Type.String(), message: Type.String() }),
          ),
        },
        { title: 'BulkError', description: 'Instead of the other fields: the line was refused.' },
      ),
    ),
  },
  {
    title: 'BulkAnswer',
    description: 'One line of the answer, for the line of the body with the same number.',
    examples: [
      {
        position: 1_763_640_000_123_456,
        published_at: '2025-11-20T12:00:00.123456Z',
        duplicate: false,
      },
    ],
  },
)

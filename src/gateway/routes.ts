// POST /events/{event_name}: the event gateway (docs/publish.md).

import { Type } from 'typebox'
import { limits } from '../config.ts'
import { fault, MillraceError } from '../errors.ts'
import { requirePublishing } from '../http/authorize.ts'
import { readBody } from '../http/body.ts'
import type { Parameter, Route } from '../http/route.ts'
import { TENANT_PATTERN } from '../input/tenant.ts'
import { ONE_LINE } from '../input/text.ts'
import type { Publisher } from '../log/batch.ts'
import { appendFailures, NAME_PATTERN, Payload } from '../log/event.ts'
import { PositionValue, timeOf } from '../log/position.ts'
import { publishedEventOf } from './publish.ts'

const Published = Type.Object(
  {
    position: PositionValue('The position in the log: the microsecond of publication.'),
    published_at: Type.String({ format: 'date-time', description: 'The position as a time, UTC.' }),
    duplicate: Type.Boolean({
      default: false,
      description: 'Whether the same event was published before; then nothing was appended.',
    }),
  },
  { title: 'PublishedEvent' },
)

const header = (name: string, description: string, example: string): Parameter => ({
  in: 'header',
  name,
  description,
  required: true,
  schema: Type.String({ minLength: 1, maxLength: limits.textLength, pattern: ONE_LINE }),
  example,
})

/** The routes of the gateway. `maxEventBytes` is the largest payload. */
export function gatewayRoutes(publisher: Publisher, maxEventBytes: number): Route[] {
  return [
    {
      method: 'post',
      path: '/events/:event_name',
      scope: 'publish',
      family: 'gateway',
      tag: 'Publishing',
      limited: 'publishing',
      operationId: 'publishEvent',
      summary: 'Publish a domain event.',
      description:
        'Answers 201 after the event is durably committed. The idempotency key is unique per ' +
        'tenant and event name: the same key again with the same payload answers with the ' +
        `first position, with another payload 400. The payload is at most ${maxEventBytes} ` +
        `bytes, nested at most ${limits.jsonDepth} levels.`,
      parameters: [
        {
          in: 'path',
          name: 'event_name',
          description: '<entity>.<action>',
          required: true,
          schema: Type.String({ maxLength: 255, pattern: NAME_PATTERN }),
          example: 'order.created',
        },
        header('team', 'The team that publishes.', 'team-inventory'),
        header('service', 'The service that calls.', 'inventory-manager'),
        header('entity-id', "The event's main entity.", '000816c3-e9b2-440b-8d27-dfaa4cae00ef'),
        {
          ...header('tenant', 'The tenant.', 'dodici'),
          schema: Type.String({ pattern: TENANT_PATTERN }),
        },
        header(
          'idempotency-key',
          'Unique per event name: two events of different names may share it.',
          '123816c3-e9b2-440b-8d27-dfaa4cae0bbc',
        ),
        {
          ...header('correlation-ids', 'A JSON object of strings: order_id, customer_id.', '{}'),
          required: false,
          schema: Type.String(),
        },
      ],
      body: Payload,
      responses: {
        201: { description: 'The event is committed.', schema: Published },
        400: { description: 'The request is wrong, or `idempotency_key_reused`; see details.' },
        401: { description: 'The token is missing or unknown.' },
        403: { description: 'The token does not allow this event; details name the fault.' },
        413: { description: `The payload has more than ${maxEventBytes} bytes.` },
        ...appendFailures,
      },
      direct: true,
      async handle(context) {
        const body = await readBody(context, maxEventBytes)
        const event = publishedEventOf(
          context.params['event_name'] as string,
          context.req.headers,
          body,
        )
        requirePublishing(context.state.identity, event)
        const { outcome, position } = await publisher.publish(event)
        if (outcome === 'key_reused') throw keyReused(position)
        context.status = 201
        const isDuplicate = outcome === 'duplicate'
        context.body =
          `{"position":${position},"published_at":"${timeOf(position)}",` +
          `"duplicate":${isDuplicate}}`
      },
    },
  ]
}

function keyReused(position: number): MillraceError {
  const reason = `was used with another payload, at position ${position}`
  const details = [fault('idempotency-key', 'idempotency_key_reused', reason)]
  return new MillraceError('idempotency_key_reused', `The idempotency key ${reason}.`, { details })
}

// The event gateway: POST /events/{event_name} for one event, POST /events for many
// (docs/publish.md).

import type { IncomingMessage } from 'node:http'
import { Type } from 'typebox'
import { limits } from '../config.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import type { CheckedPublisher } from '../event-type/check.ts'
import { eventNameParameter, Violations } from '../event-type/schemas.ts'
import { requirePublishing, requireScope } from '../http/authorize.ts'
import { admitStream, readBody } from '../http/body.ts'
import { beginLines, breakOff } from '../http/line-stream.ts'
import { isLive, liveHeader } from '../http/live.ts'
import { reportedError } from '../http/problem.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { Parameter, RequestContext, Route } from '../http/route.ts'
import { traceparentHeader } from '../http/traceparent.ts'
import { TENANT_PATTERN } from '../input/tenant.ts'
import { ONE_LINE } from '../input/text.ts'
import type { Publisher } from '../log/batch.ts'
import { appendFailures, Payload, type Published as PublishedEvent } from '../log/event.ts'
import { PositionValue, timeOf } from '../log/position.ts'
import type { Logger } from '../logger.ts'
import { errorText, publishLines } from './bulk.ts'
import { BulkAnswer, Envelope } from './bulk-schemas.ts'
import { eventOfLine, lineDefaultsOf, mostLineBytes, tooLarge } from './envelope.ts'
import { publishedEventOf } from './publish.ts'
import type { BodyLine } from './split.ts'

const NDJSON = 'application/x-ndjson'

const Published = Type.Object(
  {
    position: PositionValue('The position in the log: the microsecond of publication.'),
    published_at: Type.String({ format: 'date-time', description: 'The position as a time, UTC.' }),
    duplicate: Type.Boolean({
      default: false,
      description: 'Whether the same event was published before; then nothing was appended.',
    }),
    warnings: Violations,
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
        eventNameParameter,
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
        liveHeader,
        traceparentHeader,
      ],
      body: Payload,
      responses: {
        201: { description: 'The event is committed.', schema: Published },
        400: {
          description:
            'The request is wrong, or `idempotency_key_reused`, or the payload breaks the ' +
            'schema of its event type; see details.',
        },
        401: { description: 'The token is missing or unknown.' },
        403: { description: 'The token does not allow this event; details name the fault.' },
        413: { description: `The payload has more than ${maxEventBytes} bytes.` },
        ...appendFailures,
      },
      direct: true,
      async handle(context) {
        const body = await readBody(context, maxEventBytes)
        const event = publishedEventOf(
          { name: context.params['event_name'] as string, live: isLive(context) },
          context.req.headers,
          body,
        )
        requirePublishing(context.state.identity, event)
        const published = await publisher.publish(event)
        if (published.outcome === 'key_reused') {
          throw keyReused('idempotency-key', published.position)
        }
        context.status = 201
        context.body = publishedText(published)
      },
    },
  ]
}

/** The parts that a bulk publish needs. */
type BulkRouteServices = {
  publisher: CheckedPublisher
  maxEventBytes: number
  rateLimit: RateLimit
  /** Aborted when the process stops. */
  stopping: AbortSignal
  logger: Logger
}

/** The route of bulk publishes. */
export function bulkRoute(services: BulkRouteServices): Route {
  return {
    method: 'post',
    path: '/events',
    scope: 'publish',
    family: 'gateway',
    tag: 'Publishing',
    operationId: 'publishEvents',
    summary: 'Publish many events, one a line.',
    description:
      'The body has any number of lines, and is stored as it comes. The answer has a line for ' +
      'each, in order, written after its commit; read it while you send. A line that is refused ' +
      'fails alone. If the answer breaks off, send the lines without an answer again: nothing is ' +
      `appended twice. A line's payload is at most ${services.maxEventBytes} bytes, nested at ` +
      `most ${limits.jsonDepth} levels.`,
    parameters: [
      {
        ...header('tenant', 'The tenant of all lines.', 'dodici'),
        schema: Type.String({ pattern: TENANT_PATTERN }),
      },
      { ...header('team', 'The team, for lines without one.', 'team-orders'), required: false },
      { ...header('service', 'The service, for lines without one.', 'shop'), required: false },
      liveHeader,
    ],
    body: Envelope,
    bodyType: NDJSON,
    responses: {
      200: {
        description: 'A line for each line of the body. It is incomplete if the connection breaks.',
        schema: BulkAnswer,
        types: [NDJSON],
      },
      400: { description: 'A header is wrong. Faults of lines are in their own answers.' },
      401: { description: 'The token is missing or unknown.' },
      403: { description: 'The token may not publish for this tenant.' },
      503: { description: 'Too many bulk bodies are under way: try again after `Retry-After`.' },
    },
    handle: (context) => publishBulk(context, services),
  }
}

async function publishBulk(
  context: RequestContext,
  { publisher, maxEventBytes, rateLimit, stopping, logger }: BulkRouteServices,
): Promise<void> {
  const { req, res, state } = context
  const defaults = lineDefaultsOf(req.headers, isLive(context))
  requireScope(state.identity, defaults.tenant, 'publish')
  refuseOtherType(req)
  await admitStream(context)
  const lineBytes = mostLineBytes(maxEventBytes)
  const services = {
    publisher,
    tenant: defaults.tenant,
    mostLineBytes: lineBytes,
    eventOf(line: BodyLine) {
      if (line === 'too_long') throw tooLarge('line', lineBytes)
      const event = eventOfLine(line, defaults, maxEventBytes)
      requirePublishing(state.identity, event, 'name')
      return event
    },
    take: rateLimit.publishing(context),
    authorize: () => state.identifyAgain(),
    explain: (error: unknown) => reportedError(error, { requestId: state.requestId, logger }),
    textOf: bulkTextOf,
    stillMs: limits.bulkStillMs,
    stopping,
  }
  beginLines(context)
  try {
    const end = await publishLines(req, res, services)
    if (end === 'complete') res.end()
    else if (end === 'broken') breakOff(context)
  } catch (error) {
    res.destroy()
    throw error
  }
}

function refuseOtherType({ headers }: IncomingMessage): void {
  const { 'content-type': given = '' } = headers
  const [type = ''] = given.split(';')
  if (type.trim().toLowerCase() === NDJSON) return
  throw invalid([fault('content-type', 'invalid', `must be ${NDJSON}, one event a line`)])
}

function bulkTextOf(published: PublishedEvent): string {
  return published.outcome === 'key_reused'
    ? errorText(keyReused('idempotency_key', published.position))
    : `${publishedText(published)}\n`
}

function publishedText({ outcome, position, warnings }: PublishedEvent): string {
  const time = timeOf(position)
  const isDuplicate = outcome === 'duplicate'
  const more = warnings ? `,"warnings":${JSON.stringify(warnings)}` : ''
  return `{"position":${position},"published_at":"${time}","duplicate":${isDuplicate}${more}}`
}

function keyReused(field: string, position: number): MillraceError {
  const reason = `was used with another payload, at position ${position}`
  const details = [fault(field, 'idempotency_key_reused', reason)]
  return new MillraceError('idempotency_key_reused', `The idempotency key ${reason}.`, { details })
}

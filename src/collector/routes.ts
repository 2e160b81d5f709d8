// The event collector API (docs/collect.md): it appends posted events, and finds them by their id.

import type { Db } from '../db/pool.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { requirePublishing } from '../http/authorize.ts'
import { readBody } from '../http/body.ts'
import { isLive, liveHeader } from '../http/live.ts'
import type { Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { traceparentHeader } from '../http/traceparent.ts'
import { compile } from '../http/validate.ts'
import { parseJson } from '../input/json.ts'
import { traceparentOf } from '../input/traceparent.ts'
import { isAlert, reservedFault } from '../log/alert.ts'
import type { Publisher } from '../log/batch.ts'
import { appendFailures } from '../log/event.ts'
import { timeOf } from '../log/position.ts'
import { findCollected } from './collect.ts'
import { CollectedEvent, collectedEventOf, textsOf } from './event.ts'
import { EVENTS, errors, eventIdParameter, notFound } from './schemas.ts'

type CollectorServices = {
  db: Db
  /** Appends collected events. */
  publisher: Publisher
  maxEventBytes: number
}

/** The routes of the event collector. */
export function collectorRoutes({ db, publisher, maxEventBytes }: CollectorServices): Route[] {
  const checkEvent = compile(CollectedEvent, textsOf)
  const family = 'configuration' as const
  const collected = { family, tag: 'Collector' as const, parameters: [tenantHeader] }

  return [
    {
      ...collected,
      method: 'post',
      path: EVENTS,
      scope: 'publish',
      limited: 'publishing',
      parameters: [tenantHeader, liveHeader, traceparentHeader],
      operationId: 'createEvent',
      summary: 'Collect an event.',
      description:
        'It is appended to the log as <entity_name in snake case>.<operation in lower case>; ' +
        'the answer comes after the commit. The id is the idempotency key across all ' +
        'collected events. The same event again, to the byte, gets the same answer and is ' +
        `appended once; another one with its id is refused. At most ${maxEventBytes} bytes.`,
      body: CollectedEvent,
      responses: {
        201: { description: 'The event as posted.', schema: CollectedEvent },
        ...errors,
        413: { description: `The event has more than ${maxEventBytes} bytes.` },
        ...appendFailures,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'publish')
        const bytes = await readBody(context, maxEventBytes)
        const parsed = parseJson(bytes)
        if ('fault' in parsed) throw invalid([parsed.fault])
        const posted = checkEvent(parsed.value)
        const traceparent = traceparentOf(context.req.headers['traceparent'])
        const common = { tenant, live: isLive(context), traceparent }
        const event = collectedEventOf(common, posted, bytes)
        if (isAlert(event.name)) throw invalid([reservedFault('entity_name')])
        requirePublishing(context.state.identity, event)
        const { outcome, position } = await publisher.publish(event)
        if (outcome === 'key_reused') throw idReused(position)
        context.status = 201
        context.type = 'application/json'
        context.body = bytes
      },
    },
    {
      ...collected,
      parameters: [tenantHeader, eventIdParameter],
      method: 'get',
      path: `${EVENTS}/:eventId`,
      scope: 'read',
      operationId: 'getEvent',
      summary: 'Find a collected event by its id.',
      responses: {
        200: { description: 'The event as posted.', schema: CollectedEvent },
        ...notFound,
        ...errors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const id = context.params['eventId'] as string
        const event = await findCollected(db, tenant, id)
        if (event === undefined) {
          throw new MillraceError('not_found', `There is no event ${JSON.stringify(id)}.`)
        }
        context.type = 'application/json'
        context.body = event
      },
    },
  ]
}

function idReused(position: number): MillraceError {
  const reason = `was used for another event, published at ${timeOf(position)}`
  const details = [fault('id', 'idempotency_key_reused', reason)]
  return new MillraceError('idempotency_key_reused', `The id ${reason}.`, { details })
}

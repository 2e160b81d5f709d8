// The state of an event for each integration and subscription, and the events that one of them has
// not received (docs/integrate.md).

import { limits } from '../../config.ts'
import type { Database } from '../../db/pool.ts'
import { integrationSubject, type Subject, subscriptionSubject } from '../../delivery/subject.ts'
import { MillraceError } from '../../errors.ts'
import { pageOf, pageParameters, unknownPage } from '../../http/page.ts'
import type { Route } from '../../http/route.ts'
import { tenantHeader, tenantOf } from '../../http/tenant.ts'
import { createTurns, type InTurn } from '../../http/turns.ts'
import { commonErrors, notFound } from '../../integration/schemas.ts'
import { positionInPath } from '../../log/query.ts'
import { findConsumer, type HistoryServices } from '../routes.ts'
import { undeliveredParameters, undeliveredRequestOf } from './request.ts'
import { DELIVERIES_LISTED, DeliveryList, positionParameter, UndeliveredList } from './schemas.ts'
import { hasEvent, readDeliveries, readUndelivered } from './states.ts'

/** An id of the config log: that of an integration, or a kind, a colon and a name. */
const LOGGED_ID = /^([a-z0-9-]{1,50}|[a-z_]+:[A-Za-z0-9._~:-]{1,255})$/

type DeliveryServices = Pick<HistoryServices, 'db' | 'clock' | 'retentionDays'> & {
  /** A database for readers: the log is read there. */
  reading: Database
}

/** The routes of deliveries, by event and by consumer. */
export function deliveryRoutes(services: DeliveryServices): Route[] {
  const { reading } = services
  const inTurn = createTurns(reading, limits.deliveryReads)
  return [
    {
      method: 'get',
      path: '/events/:position/deliveries',
      scope: 'read',
      family: 'configuration',
      tag: 'Deliveries',
      operationId: 'listDeliveries',
      summary: 'The state of an event for each integration and subscription.',
      description:
        'Those that are gone are listed, too. If an id was used again, it means the newest one. ' +
        'A page may be short and have a `next`.',
      parameters: [tenantHeader, positionParameter, ...pageParameters(DELIVERIES_LISTED)],
      responses: {
        200: { description: 'A page of them, by id.', schema: DeliveryList },
        ...commonErrors,
        404: { description: 'The tenant has no such event, or no more.' },
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const position = positionInPath(context.params['position'] ?? '')
        const page = pageOf(context, DELIVERIES_LISTED)
        if (page.after !== undefined && !LOGGED_ID.test(page.after)) throw unknownPage()
        context.body = await inTurn(context, tenant, async (db) => {
          if (await hasEvent(db, tenant, position)) {
            return readDeliveries(db, tenant, position, page)
          }
          throw new MillraceError('not_found', `No event has the position ${position}.`)
        })
      },
    },
    undeliveredRoute(services, integrationSubject, inTurn),
    undeliveredRoute(services, subscriptionSubject, inTurn),
  ]
}

function undeliveredRoute(services: DeliveryServices, subject: Subject, inTurn: InTurn): Route {
  const { noun, path, parameter } = subject
  return {
    method: 'get',
    path: `${path}/undelivered`,
    scope: 'read',
    family: 'configuration',
    tag: 'Deliveries',
    operationId: `list${noun}UndeliveredEvents`,
    summary: 'The events of a period that it has not received, each with its state and reason.',
    description:
      'In the order of the log. Events that were never to be delivered are left out: those that ' +
      'its filter does not take, and those from before its start or after its end. A call looks ' +
      'at a bounded part of the log: a page may be short, or empty, and have a `next`.',
    parameters: [tenantHeader, parameter, ...undeliveredParameters],
    responses: {
      200: { description: 'A page of events.', schema: UndeliveredList },
      ...notFound,
      ...commonErrors,
    },
    async handle(context) {
      const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
      const request = undeliveredRequestOf(context.query)
      context.body = await inTurn(context, tenant, (db) =>
        readUndelivered(db, tenant, consumer.id, request),
      )
    },
  }
}

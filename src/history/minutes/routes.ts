// GET …/stats/minutes: the last hour of a stream, minute by minute.

import { Type } from 'typebox'
import { integrationSubject, type Subject, subscriptionSubject } from '../../delivery/subject.ts'
import type { Route } from '../../http/route.ts'
import { tenantHeader } from '../../http/tenant.ts'
import { commonErrors, notFound } from '../../integration/schemas.ts'
import { findConsumer, type HistoryServices } from '../routes.ts'
import { Latencies } from '../schemas.ts'
import { MINUTES, readMinutes } from './minutes.ts'

const Count = (description: string) => Type.Integer({ default: 0, description })

const MinuteList = Type.Object(
  {
    minutes: Type.Array(
      Type.Object(
        {
          from: Type.String({ format: 'date-time', description: 'Its beginning.' }),
          delivered: Count('Accepted by the target.'),
          rejected: Count('Answered with 400.'),
          failed: Count('Tries that failed otherwise; each retry is one.'),
          latency_ms: Latencies,
        },
        { title: 'StreamMinute' },
      ),
      { maxItems: MINUTES, description: 'The oldest first; the last one has not ended.' },
    ),
  },
  { title: 'StreamMinuteList' },
)

type Services = Pick<HistoryServices, 'db' | 'clock' | 'retentionDays'>

/** The routes of minutes. */
export function minutesRoutes(services: Services): Route[] {
  return [integrationSubject, subscriptionSubject].map((subject) => routeOf(subject, services))
}

function routeOf(subject: Subject, services: Services): Route {
  const { path, noun, parameter } = subject
  return {
    method: 'get',
    path: `${path}/stats/minutes`,
    scope: 'read',
    family: 'configuration',
    tag: 'Deliveries',
    operationId: `get${noun}Minutes`,
    summary: 'The last hour, minute by minute: deliveries, failures, latency.',
    description: 'Of its own stream, without replays and requests by hand.',
    parameters: [tenantHeader, parameter],
    responses: {
      200: { description: 'The minutes.', schema: MinuteList },
      ...notFound,
      ...commonErrors,
    },
    async handle(context) {
      const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
      const minutes = await readMinutes(services.db, tenant, consumer, services.clock())
      context.body = { minutes }
    },
  }
}

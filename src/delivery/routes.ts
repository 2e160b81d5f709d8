// What an integration has delivered and what failed: its log, its rejected events, its files, its
// statistics (SPEC 3).

import { Type } from 'typebox'
import type { Clock } from '../clock.ts'
import { noteConsumer } from '../consumer/change.ts'
import type { Db } from '../db/pool.ts'
import type { Destination } from '../destination/destination.ts'
import { MillraceError } from '../errors.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { commonErrors, EVENTSTREAM, idParameter, notFound } from '../integration/describe.ts'
import { type FoundIntegration, findIntegration } from '../integration/find.ts'
import { noSuchIntegration } from '../integration/refuse.ts'
import { timeOf } from '../log/position.ts'
import { FileList, fileParameters, readFiles } from './files.ts'
import { readLogbook } from './logbook.ts'
import {
  deleteRejected,
  findRejected,
  listRejected,
  type RejectedEvent,
  retryRejected,
} from './rejected-store.ts'
import { readStatistics } from './statistics.ts'
import type { SendingTarget } from './target.ts'

const DateTime = Type.String({ format: 'date-time' })
const Logs = Type.Object({
  entries: Type.Array(
    Type.Object({ created_at: DateTime, action: Type.String(), reason: Type.String() }),
  ),
})
const RejectedEventList = Type.Object({
  rejected_events: Type.Array(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      created_at: DateTime,
      name: Type.String(),
      position: Type.Integer(),
      status: Type.Integer({ description: 'What the target answered.' }),
      response: Type.String({ description: 'The start of what it said.' }),
    }),
  ),
})
const RejectedEventShown = Type.Object({
  tenant: Type.String(),
  name: Type.String(),
  published_at: DateTime,
  payload: Type.Object({}),
})
const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const StatisticsShown = Type.Object({
  status: Type.Enum(['running', 'interrupted', 'stopped']),
  lag_events: Type.Integer({ description: 'Events that pass the filter and were not taken yet.' }),
  lag_seconds: Type.Number({ description: 'The age of the oldest of them.' }),
  events_per_second: Type.Number({ description: 'Delivered, over the last minute.' }),
  last_delivery_at: Nullable(DateTime),
  failures_in_a_row: Type.Integer(),
  next_retry_at: Nullable(DateTime),
  latency_ms: Type.Object(
    { p50: Nullable(Type.Number()), p90: Nullable(Type.Number()), p99: Nullable(Type.Number()) },
    { description: 'From publication to delivery, over the last hour, in steps of 1, 2, 4, … ms.' },
  ),
  replay: Nullable(
    Type.Object({
      delivered: Type.Integer(),
      total: Type.Integer(),
      estimated_seconds_left: Nullable(Type.Integer()),
    }),
  ),
})
const eventParameter = {
  ...idParameter,
  name: 'event_id',
  description: 'Unique identifier of the rejected event.',
  example: '1a8a5052-8741-4daf-982e-e0a12990335a',
}

export type DeliveryServices = {
  db: Db
  clock: Clock
  destinationOf(tenant: string, target: SendingTarget): Destination
}

/** The routes of what was delivered. */
export function deliveryRoutes({ db, clock, destinationOf }: DeliveryServices): Route[] {
  const path = `${EVENTSTREAM}/:integration_id`
  const all = { family: 'configuration' as const, parameters: [tenantHeader, idParameter] }
  const one = { ...all, parameters: [...all.parameters, eventParameter] }
  const errors = { ...notFound, ...commonErrors }
  const badGateway = { 502: { description: 'The target did not take the event; it stays.' } }
  const done = { 200: { description: 'Done.' } }

  return [
    {
      ...all,
      method: 'get',
      path: `${path}/logs`,
      scope: 'read',
      operationId: 'listIntegrationLogEntries',
      summary: 'Get integration log: the last 50 entries, newest first.',
      responses: { 200: { description: 'The entries.', schema: Logs }, ...errors },
      async handle(context) {
        const { tenant, integration } = await find(context, 'read')
        context.body = { entries: await readLogbook(db, tenant, integration.id) }
      },
    },
    {
      ...all,
      method: 'get',
      path: `${path}/stats`,
      scope: 'read',
      operationId: 'getIntegrationStatistics',
      summary: 'Lag, rate, latency, failures, and the progress of a replay.',
      responses: { 200: { description: 'Statistics.', schema: StatisticsShown }, ...errors },
      async handle(context) {
        const { tenant, integration } = await find(context, 'read')
        context.body = await readStatistics(db, tenant, integration, clock())
      },
    },
    {
      ...all,
      parameters: [...all.parameters, ...fileParameters],
      method: 'get',
      path: `${path}/files`,
      scope: 'read',
      operationId: 'listIntegrationFiles',
      summary: 'The files that were written for an S3 integration, newest first.',
      responses: { 200: { description: 'A page of them.', schema: FileList }, ...errors },
      async handle(context) {
        const { tenant, integration } = await find(context, 'read')
        context.body = await readFiles(db, tenant, integration, context.query)
      },
    },
    {
      ...all,
      method: 'get',
      path: `${path}/rejected_events`,
      scope: 'read',
      operationId: 'listRejectedEvents',
      summary: 'List rejected events, newest first.',
      responses: { 200: { description: 'All of them.', schema: RejectedEventList }, ...errors },
      async handle(context) {
        const { tenant, integration } = await find(context, 'read')
        const events = await listRejected(db, tenant, integration.id)
        context.body = { rejected_events: events.map(listed) }
      },
    },
    {
      ...all,
      method: 'delete',
      path: `${path}/rejected_events`,
      scope: 'configure',
      operationId: 'deleteRejectedEvents',
      summary: 'Delete all rejected events.',
      responses: { ...done, ...errors },
      async handle(context) {
        const { tenant, integration } = await find(context, 'configure')
        const deleted = await deleteRejected(db, tenant, integration.id, undefined)
        await noteDeletion(context, tenant, integration.id, deleted)
        context.body = { deleted }
      },
    },
    {
      ...all,
      method: 'post',
      path: `${path}/rejected_events/_retry`,
      scope: 'configure',
      operationId: 'retryRejectedEvents',
      summary: 'Send all rejected events again, oldest first, until one is not taken.',
      responses: { ...done, ...badGateway, ...errors },
      async handle(context) {
        const { tenant, integration } = await find(context, 'configure')
        const events = await listRejected(db, tenant, integration.id)
        for (const event of events.reverse()) await retry(tenant, integration, event)
        context.body = { delivered: events.length }
      },
    },
    {
      ...one,
      method: 'get',
      path: `${path}/rejected_events/:event_id`,
      scope: 'read',
      operationId: 'getRejectedEvent',
      summary: 'Get rejected event',
      responses: { 200: { description: 'The event.', schema: RejectedEventShown }, ...errors },
      async handle(context) {
        const { tenant, event } = await findEvent(context, 'read')
        // By hand, so that the payload is what was published, to the byte.
        const head = { tenant, name: event.name, published_at: timeOf(event.eventPosition) }
        context.type = 'application/json'
        context.body = `${JSON.stringify(head).slice(0, -1)},"payload":${event.payload}}`
      },
    },
    {
      ...one,
      method: 'delete',
      path: `${path}/rejected_events/:event_id`,
      scope: 'configure',
      operationId: 'deleteRejectedEvent',
      summary: 'Delete rejected event',
      responses: { ...done, ...errors },
      async handle(context) {
        const { tenant, integration, event } = await findEvent(context, 'configure')
        const deleted = await deleteRejected(db, tenant, integration.id, event.id)
        await noteDeletion(context, tenant, integration.id, deleted)
        context.status = 200
        context.body = ''
      },
    },
    {
      ...one,
      method: 'post',
      path: `${path}/rejected_events/:event_id/_retry`,
      scope: 'configure',
      operationId: 'retryRejectedEvent',
      summary: 'Retry rejected event',
      responses: { ...done, ...badGateway, ...errors },
      async handle(context) {
        const { tenant, integration, event } = await findEvent(context, 'configure')
        await retry(tenant, integration, event)
        context.status = 200
        context.body = ''
      },
    },
  ]

  async function find(context: RequestContext, scope: 'read' | 'configure') {
    const tenant = tenantOf(context, scope)
    const id = context.params['integration_id'] as string
    const integration = await findIntegration(db, tenant, id)
    if (integration) return { tenant, integration }
    throw noSuchIntegration(id)
  }

  async function findEvent(context: RequestContext, scope: 'read' | 'configure') {
    const { tenant, integration } = await find(context, scope)
    const id = context.params['event_id'] as string
    const event = await findRejected(db, tenant, integration.id, id)
    if (event) return { tenant, integration, event }
    throw new MillraceError('not_found', `There is no rejected event ${JSON.stringify(id)}.`)
  }

  async function retry(tenant: string, integration: FoundIntegration, event: RejectedEvent) {
    const destination = destinationOf(tenant, {
      kind: 'integration',
      document: integration.document,
    })
    const outcome = await retryRejected(db, tenant, integration.id, event, destination)
    if (outcome.kind === 'delivered') return
    const message = `The rejected event ${event.id} was not taken: ${outcome.reason}.`
    throw new MillraceError('bad_gateway', message)
  }

  async function noteDeletion(context: RequestContext, tenant: string, id: string, count: number) {
    if (count === 0) return
    const reason = `${count} rejected event(s) deleted via API.`
    const { actor } = context.state.identity
    await noteConsumer(db, tenant, id, 'rejected_event_deleted', { actor, reason })
  }
}

function listed({ id, rejectedAt, name, eventPosition, status, response }: RejectedEvent) {
  const created_at = rejectedAt.toISOString()
  return { id, created_at, name, position: eventPosition, status, response }
}

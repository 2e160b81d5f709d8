// The deliveries and failures of a consumer: its log, its rejected events, its statistics, and the
// files of an integration (docs/integrate.md). Integrations and subscriptions have the same
// operations, each kind under its own path.

import type { TSchema } from 'typebox'
import type { Clock } from '../clock.ts'
import type { Db } from '../db/pool.ts'
import type { SendingConfiguration } from '../delivery/configuration.ts'
import {
  type FoundConsumer,
  findSubject,
  integrationSubject,
  noSuchSubject,
  refuseEnded,
  type Subject,
  subscriptionSubject,
} from '../delivery/subject.ts'
import type { Destination } from '../destination/destination.ts'
import { MillraceError } from '../errors.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { commonErrors, notFound } from '../integration/schemas.ts'
import { positionBefore, timeOf } from '../log/position.ts'
import { FileList, fileParameters, readFiles } from './files.ts'
import { logParameters, readLogEntries } from './log-entries.ts'
import {
  deleteRejected,
  findRejected,
  listRejected,
  noSuchEvent,
  presentRejected,
  type RejectedEvent,
  retryRejected,
} from './rejected.ts'
import {
  Deleted,
  Delivered,
  DeliveredEvent,
  eventParameter,
  Logs,
  RejectedEventList,
  StatisticsShown,
} from './schemas.ts'
import { readStatistics } from './statistics.ts'

export type HistoryServices = {
  db: Db
  clock: Clock
  /** How long the history of an ended consumer stays available. */
  retentionDays: number
  destinationOf(tenant: string, configuration: SendingConfiguration): Promise<Destination>
}

/** The routes of the history. */
export function historyRoutes(services: HistoryServices): Route[] {
  return [
    ...routesOf(integrationSubject, services),
    filesRoute(integrationSubject, services),
    ...routesOf(subscriptionSubject, services),
  ]
}

function routesOf(subject: Subject, services: HistoryServices): Route[] {
  const { db, clock, destinationOf } = services
  const { path, noun } = subject
  const knownFor = retentionNote(services)
  const gone = `${knownFor} Nothing can be sent to one that has ended: 404.`
  const common = { family: 'configuration', tag: 'Deliveries', description: knownFor } as const
  const all = { ...common, parameters: [tenantHeader, subject.parameter] }
  const one = { ...all, parameters: [...all.parameters, eventParameter] }
  // Integrations came first and have the short names.
  const rejected = noun === 'Integration' ? 'Rejected' : 'SubscriptionRejected'
  const errors = { ...notFound, ...commonErrors }
  const badGateway = { 502: { description: 'The target did not accept the event; it stays.' } }
  const done = { 200: { description: 'Done.' } }
  const counted = (schema: TSchema) => ({
    200: { description: 'Deleted or retried, with these counts.', schema },
  })

  return [
    {
      ...all,
      parameters: [...all.parameters, ...logParameters],
      method: 'get',
      path: `${path}/logs`,
      scope: 'read',
      operationId: `list${noun}LogEntries`,
      summary: `Get ${noun.toLowerCase()} log: the last 50 entries, newest first.`,
      responses: { 200: { description: 'The entries.', schema: Logs }, ...errors },
      async handle(context) {
        const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
        context.body = { entries: await readLogEntries(db, tenant, consumer, context.query) }
      },
    },
    {
      ...all,
      method: 'get',
      path: `${path}/stats`,
      scope: 'read',
      operationId: `get${noun}Statistics`,
      summary: 'Lag, rate, latency, failures, and the progress of a replay.',
      responses: { 200: { description: 'Statistics.', schema: StatisticsShown }, ...errors },
      async handle(context) {
        const read = async () => {
          const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
          const times = { now: clock(), retainedFrom: retainedFrom(services) }
          return readStatistics(db, tenant, consumer, times)
        }
        // The first read may meet a consumer that is just ending; the second one sees the end.
        const found = (await read()) ?? (await read())
        if (!found) throw noSuchSubject(subject, nameOf(subject, context))
        context.body = found
      },
    },
    {
      ...all,
      method: 'get',
      path: `${path}/rejected_events`,
      scope: 'read',
      operationId: `list${rejected}Events`,
      summary: 'List rejected events, newest first.',
      responses: { 200: { description: 'All of them.', schema: RejectedEventList }, ...errors },
      async handle(context) {
        const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
        const events = await listRejected(db, tenant, consumer.id)
        context.body = { rejected_events: events.map(presentRejected) }
      },
    },
    {
      ...all,
      method: 'delete',
      path: `${path}/rejected_events`,
      scope: 'configure',
      operationId: `delete${rejected}Events`,
      summary: 'Delete all rejected events.',
      responses: { ...counted(Deleted), ...errors },
      async handle(context) {
        const { tenant, consumer } = await findConsumer(services, subject, context, 'configure')
        const events = await listRejected(db, tenant, consumer.id)
        const ids = events.map(({ id }) => id)
        const { actor } = context.state.identity
        context.body = { deleted: await deleteRejected(db, tenant, consumer.id, { ids, actor }) }
      },
    },
    {
      ...all,
      method: 'post',
      path: `${path}/rejected_events/_retry`,
      scope: 'configure',
      operationId: `retry${rejected}Events`,
      summary: 'Send all rejected events again, oldest first, until one fails.',
      description: gone,
      responses: { ...counted(Delivered), ...badGateway, ...errors },
      async handle(context) {
        const { tenant, consumer } = await findConsumer(services, subject, context, 'configure')
        refuseEnded(subject, nameOf(subject, context), consumer)
        const events = await listRejected(db, tenant, consumer.id)
        let delivered = 0
        for (const event of events.reverse()) {
          if ((await retry(context, tenant, consumer, event))?.isRemoved) delivered++
        }
        context.body = { delivered }
      },
    },
    {
      ...one,
      method: 'get',
      path: `${path}/rejected_events/:event_id`,
      scope: 'read',
      operationId: `get${rejected}Event`,
      summary: 'Get rejected event',
      responses: { 200: { description: 'The event.', schema: DeliveredEvent }, ...errors },
      async handle(context) {
        const { tenant, event } = await findEvent(context, 'read')
        // Assembled by hand, so that the payload is as published, to the byte.
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
      operationId: `delete${rejected}Event`,
      summary: 'Delete rejected event',
      responses: { ...done, ...errors },
      async handle(context) {
        const { tenant, consumer, event } = await findEvent(context, 'configure')
        const { actor } = context.state.identity
        await deleteRejected(db, tenant, consumer.id, { ids: [event.id], actor })
        context.status = 200
        context.body = ''
      },
    },
    {
      ...one,
      method: 'post',
      path: `${path}/rejected_events/:event_id/_retry`,
      scope: 'configure',
      operationId: `retry${rejected}Event`,
      summary: 'Retry rejected event',
      description: gone,
      responses: { ...done, ...badGateway, ...errors },
      async handle(context) {
        const { tenant, consumer, event } = await findEvent(context, 'configure')
        refuseEnded(subject, nameOf(subject, context), consumer)
        if (!(await retry(context, tenant, consumer, event))) throw noSuchEvent(event.id)
        context.status = 200
        context.body = ''
      },
    },
  ]

  async function findEvent(context: RequestContext, scope: 'read' | 'configure') {
    const { tenant, consumer } = await findConsumer(services, subject, context, scope)
    const id = context.params['event_id'] as string
    const event = await findRejected(db, tenant, consumer.id, id)
    if (event) return { tenant, consumer, event }
    throw noSuchEvent(id)
  }

  async function retry(
    { state }: RequestContext,
    tenant: string,
    consumer: FoundConsumer,
    event: RejectedEvent,
  ) {
    const destination = await destinationOf(tenant, consumer.configuration)
    const sent = { event, destination, actor: state.identity.actor }
    const retried = await retryRejected(db, tenant, consumer.id, sent)
    if (!retried || retried.outcome.kind === 'delivered') return retried
    const message = `The rejected event ${event.id} was not accepted: ${retried.outcome.reason}.`
    throw new MillraceError('bad_gateway', message)
  }
}

function retentionNote({ retentionDays }: HistoryServices): string {
  const after = `A completed or deleted one stays available for ${retentionDays} days after its end`
  return `${after}. If an id was used again, it means the newest one.`
}

function filesRoute(subject: Subject, services: HistoryServices): Route {
  return {
    family: 'configuration',
    description: retentionNote(services),
    tag: 'Deliveries',
    parameters: [tenantHeader, subject.parameter, ...fileParameters],
    method: 'get',
    path: `${subject.path}/files`,
    scope: 'read',
    operationId: 'listIntegrationFiles',
    summary: 'The files that were written for an S3 integration, newest first.',
    responses: {
      200: { description: 'A page of them.', schema: FileList },
      ...notFound,
      ...commonErrors,
    },
    async handle(context) {
      const { tenant, consumer } = await findConsumer(services, subject, context, 'read')
      context.body = await readFiles(services.db, tenant, consumer, context.query)
    },
  }
}

/**
 * The tenant of a request, and the consumer that its path names. Throws `not_found`, or `forbidden`
 * without the scope.
 */
export async function findConsumer(
  services: Pick<HistoryServices, 'db' | 'clock' | 'retentionDays'>,
  subject: Subject,
  context: RequestContext,
  scope: 'read' | 'configure',
) {
  const tenant = tenantOf(context, scope)
  const name = nameOf(subject, context)
  const since = retainedFrom(services)
  return { tenant, consumer: await findSubject(services.db, subject, { tenant, name, since }) }
}

/** The position from which the history is certainly kept. */
function retainedFrom({
  clock,
  retentionDays,
}: Pick<HistoryServices, 'clock' | 'retentionDays'>): number {
  return positionBefore(clock(), retentionDays)
}

function nameOf({ parameter }: Subject, { params }: RequestContext): string {
  return params[parameter.name] as string
}

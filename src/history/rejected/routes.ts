// The rejected events of a consumer: listed, read, deleted, and sent again by hand. Integrations
// and subscriptions have the same operations, each kind under its own path.

import { isDeepStrictEqual } from 'node:util'
import type { TSchema } from 'typebox'
import type { Destinations } from '../../delivery/destinations.ts'
import {
  type FoundConsumer,
  integrationSubject,
  refuseEnded,
  type Subject,
  subscriptionSubject,
} from '../../delivery/subject.ts'
import { MillraceError } from '../../errors.ts'
import { closeSignalOf } from '../../http/body.ts'
import type { RequestContext, Route } from '../../http/route.ts'
import { tenantHeader } from '../../http/tenant.ts'
import { commonErrors, notFound } from '../../integration/schemas.ts'
import { timeOf } from '../../log/position.ts'
import { findConsumer, type HistoryServices, nameInPath, retentionNote } from '../routes.ts'
import {
  Deleted,
  Delivered,
  DeliveredEvent,
  eventParameter,
  RejectedEventList,
} from '../schemas.ts'
import {
  deleteRejected,
  findRejected,
  listRejected,
  noSuchEvent,
  presentRejected,
  type RejectedEvent,
  retryRejected,
} from './rejected.ts'

type RejectedServices = HistoryServices & { destinations: Pick<Destinations, 'of' | 'atOnce'> }

/** The routes of rejected events. */
export function rejectedRoutes(services: RejectedServices): Route[] {
  return [integrationSubject, subscriptionSubject].flatMap((one) => routesOf(one, services))
}

function routesOf(subject: Subject, services: RejectedServices): Route[] {
  const { db, destinations } = services
  const { path, noun } = subject
  const knownFor = retentionNote(services)
  const gone = `${knownFor} Nothing can be sent to one that has ended: 404.`
  const common = { family: 'configuration', tag: 'Deliveries', description: knownFor } as const
  const all = { ...common, parameters: [tenantHeader, subject.parameter] }
  const one = { ...all, parameters: [...all.parameters, eventParameter] }
  // Integrations came first and have the short names.
  const rejected = noun === 'Integration' ? 'Rejected' : 'SubscriptionRejected'
  const errors = { ...notFound, ...commonErrors }
  const sending = {
    429: { description: 'Too many requests by hand of this tenant are under way.' },
    502: { description: 'The target did not accept the event; it stays.' },
  }
  const changed = { 409: { description: 'It was changed meanwhile; the rest was not sent.' } }
  const done = { 200: { description: 'Done.' } }
  const counted = (schema: TSchema) => ({
    200: { description: 'Deleted or retried, with these counts.', schema },
  })

  return [
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
      responses: { ...counted(Delivered), ...changed, ...sending, ...errors },
      async handle(context) {
        const { tenant, consumer } = await findConsumer(services, subject, context, 'configure')
        refuseEnded(subject, nameInPath(subject, context), consumer)
        const send = () => retryAll(context, tenant, consumer)
        context.body = { delivered: await destinations.atOnce(tenant, send) }
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
      responses: { ...done, ...sending, ...errors },
      async handle(context) {
        const { tenant, consumer, event } = await findEvent(context, 'configure')
        refuseEnded(subject, nameInPath(subject, context), consumer)
        const send = () => retry(context, tenant, consumer, event)
        if (!(await destinations.atOnce(tenant, send))) throw noSuchEvent(event.id)
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

  /** Oldest first, for as long as the client waits; returns how many were delivered. */
  async function retryAll(
    context: RequestContext,
    tenant: string,
    consumer: FoundConsumer,
  ): Promise<number> {
    const gone = closeSignalOf(context.res)
    let delivered = 0
    for (const event of (await listRejected(db, tenant, consumer.id)).reverse()) {
      if (gone.aborted) break
      // Gone meanwhile, perhaps with its consumer: there is nothing to send, and no conflict.
      if (!(await findRejected(db, tenant, consumer.id, event.id))) continue
      await refuseChanged(context, consumer, delivered)
      if ((await retry(context, tenant, consumer, event))?.isRemoved) delivered++
    }
    return delivered
  }

  /** Before each event: the target, the secrets and the caller's rights are those of now. */
  async function refuseChanged(
    context: RequestContext,
    consumer: FoundConsumer,
    delivered: number,
  ): Promise<void> {
    await context.state.identifyAgain()
    const { consumer: now } = await findConsumer(services, subject, context, 'configure')
    if (isDeepStrictEqual(wantedOf(now), wantedOf(consumer))) return
    const message = `It was changed, stopped or removed after ${delivered} delivered event(s).`
    throw new MillraceError('conflict', message)
  }

  async function retry(
    { state }: RequestContext,
    tenant: string,
    consumer: FoundConsumer,
    event: RejectedEvent,
  ) {
    const destination = await destinations.of(tenant, consumer.configuration)
    const sent = { event, destination, actor: state.identity.actor }
    const retried = await retryRejected(db, tenant, consumer.id, sent)
    if (!retried || retried.outcome.kind === 'delivered') return retried
    const message = `The rejected event ${event.id} was not accepted: ${retried.outcome.reason}.`
    throw new MillraceError('bad_gateway', message)
  }
}

/** All but the status: a worker that releases a stopped integration changes only that. */
const wantedOf = ({ status: _, ...wanted }: FoundConsumer) => wanted

// Subscriptions (docs/collect.md) bring events of the log to queues and topics. Their deliveries
// and failures are in history/routes.ts.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { errors, notFound } from '../collector/schemas.ts'
import { limits } from '../config.ts'
import { readHealth } from '../consumer/health.ts'
import type { Db } from '../db/pool.ts'
import { readJson } from '../http/body.ts'
import { askedVersion, ifMatch } from '../http/if-match.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { tenantHeader, tenantOf } from '../http/tenant.ts'
import { compile } from '../http/validate.ts'
import { etagOf } from '../input/etag.ts'
import { positionBefore } from '../log/position.ts'
import { listSubscriptions } from './find.ts'
import {
  Deactivated,
  idParameter,
  otherVersion,
  SUBSCRIPTIONS,
  SubscriptionList,
} from './schemas.ts'
import { presentSubscription } from './seal.ts'
import {
  deactivate,
  mustFind,
  removeSubscription,
  type SubscribeServices,
  subscribe,
  updateSubscription,
} from './subscribe.ts'
import { NewSubscription, Subscription, SubscriptionUpdate } from './subscription.ts'
import { warningsOfType } from './warn.ts'

type SubscriptionServices = SubscribeServices & {
  /** A database for readers. */
  reading: Db
  clock: Clock
  retentionDays: number
  /**
   * Notifies delivery at once; without it the sweep or the worker's next commit finds the change.
   */
  onStarted(tenant: string): void
  requestHalt(tenant: string, consumer: string): void
}

/** The routes of subscriptions. */
export function subscriptionRoutes(services: SubscriptionServices): Route[] {
  const { db, onStarted, requestHalt } = services
  const checkNew = compile(NewSubscription)
  const checkUpdate = compile(SubscriptionUpdate)
  const family = 'configuration' as const
  const all = { family, tag: 'Subscriptions' as const, parameters: [tenantHeader] }
  const one = { ...all, parameters: [tenantHeader, idParameter] }
  const representation = { description: 'Its current representation.', schema: Subscription }
  const versioned = { ...representation, headers: ['etag'] as ['etag'] }

  return [
    {
      ...all,
      method: 'post',
      path: SUBSCRIPTIONS,
      scope: 'configure',
      limited: 'changes',
      operationId: 'createEventSubscription',
      summary: 'Create an event subscription.',
      description:
        `It receives events from now on. At most ${limits.subscriptionsPerTenant} a tenant ` +
        `that are active, and ${limits.storedSubscriptions} in all. The default of id is a ` +
        'new one.',
      body: NewSubscription,
      responses: { 201: representation, ...errors },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const given = checkNew(await readJson(context, limits.configurationBytes))
        const subscription = { ...given, id: given.id ?? randomUUID() }
        const change = changeBy(context, 'Created via API.')
        const subscribed = await subscribe(services, tenant, subscription, change)
        onStarted(tenant)
        context.status = 201
        const warnings = await warningsOfType(db, tenant, subscription)
        context.body = { ...presentSubscription(subscribed), ...warnings }
      },
    },
    {
      ...all,
      method: 'put',
      path: SUBSCRIPTIONS,
      scope: 'configure',
      limited: 'changes',
      operationId: 'updateEventSubscription',
      summary: 'Update the event subscription of the same id.',
      description:
        'The representation replaces the old one, also for events that were not sent yet. ' +
        'Activated again it goes on where it stopped, or from now if that is more than ' +
        `${services.retentionDays} days ago. If ${limits.subscriptionsPerTenant} are active ` +
        'already, the update is refused. Without `active` the status stays.',
      parameters: [tenantHeader, ifMatch],
      body: SubscriptionUpdate,
      responses: { 201: versioned, ...notFound, ...errors, ...otherVersion },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const update = checkUpdate(await readJson(context, limits.configurationBytes))
        const { consumer, ifVersion } = await findVersion(context, tenant, update.id)
        const oldestRestart = positionBefore(services.clock(), services.retentionDays)
        const change = { ...changeBy(context, 'Updated via API.'), oldestRestart, ifVersion }
        const updated = await updateSubscription(services, tenant, update, change)
        // The current run ends, and the next one uses the new representation.
        requestHalt(tenant, consumer)
        onStarted(tenant)
        context.status = 201
        context.set('etag', etagOf(updated.version))
        const warnings = await warningsOfType(db, tenant, update)
        context.body = { ...presentSubscription(updated), ...warnings }
      },
    },
    {
      ...all,
      method: 'get',
      path: SUBSCRIPTIONS,
      scope: 'read',
      operationId: 'listEventSubscriptions',
      summary: 'Get all event subscriptions; those with `active` receive events.',
      responses: { 200: { description: 'All of them.', schema: SubscriptionList }, ...errors },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const found = await listSubscriptions(db, tenant)
        const health = await readHealth(services.reading, tenant, 'subscription')
        context.body = found.map((one) => ({
          ...presentSubscription(one),
          health: health.get(one.consumer),
        }))
      },
    },
    {
      ...one,
      method: 'get',
      path: `${SUBSCRIPTIONS}/:Id`,
      scope: 'read',
      operationId: 'getEventSubscription',
      summary: 'Get an event subscription.',
      responses: {
        200: { ...versioned, description: 'The subscription.' },
        ...notFound,
        ...errors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'read')
        const found = await mustFind(db, tenant, idOf(context))
        const { consumer } = found
        const health = await readHealth(services.reading, tenant, 'subscription', consumer)
        context.set('etag', etagOf(found.version))
        context.body = { ...presentSubscription(found), health: health.get(consumer) }
      },
    },
    {
      ...one,
      method: 'delete',
      path: `${SUBSCRIPTIONS}/:Id`,
      scope: 'configure',
      operationId: 'deleteEventSubscription',
      summary: 'Delete an event subscription. Its history stays in the config log.',
      description:
        'No message leaves after the answer, unless a request takes longer than five ' +
        'seconds. Its log, statistics and rejected events stay available for another ' +
        `${services.retentionDays} days.`,
      parameters: [...one.parameters, ifMatch],
      responses: {
        204: { description: 'It is deleted.' },
        ...notFound,
        ...errors,
        ...otherVersion,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const id = idOf(context)
        const { ifVersion } = await findVersion(context, tenant, id)
        const { actor } = context.state.identity
        await removeSubscription(db, tenant, id, { actor, requestHalt, ifVersion })
        context.status = 204
      },
    },
    {
      ...one,
      method: 'put',
      path: `${SUBSCRIPTIONS}/:Id/deactivate`,
      scope: 'configure',
      operationId: 'deactivateEventSubscription',
      summary: 'Deactivate an event subscription.',
      description: 'Within a second no new message leaves; those in flight arrive.',
      responses: {
        200: { description: 'Accepted.', schema: Deactivated },
        ...notFound,
        ...errors,
      },
      async handle(context) {
        const tenant = tenantOf(context, 'configure')
        const change = changeBy(context, 'Deactivated via API.')
        const { consumer } = await deactivate(db, tenant, idOf(context), change)
        requestHalt(tenant, consumer)
        context.body = { body: {}, statusCode: 'ACCEPTED', statusCodeValue: 202 }
      },
    },
  ]

  /** A subscription, and the version that a change depends on: undefined without If-Match. */
  async function findVersion(context: RequestContext, tenant: string, id: string) {
    const { consumer, version } = await mustFind(db, tenant, id)
    const ifVersion = await askedVersion(context, 'the subscription', async () => version)
    return { consumer, ifVersion }
  }
}

function changeBy(context: RequestContext, reason: string) {
  return { actor: context.state.identity.actor, reason }
}

function idOf(context: RequestContext): string {
  return context.params['Id'] as string
}

// Creates, changes and ends subscriptions. Each is one or two changes of a consumer, with their
// entries in the config log. Errors are those for the client.

import { limits } from '../config.ts'
import { type Change, changeConsumer, registerConsumer, startConsumer } from '../consumer/change.ts'
import { consumerIdOf } from '../consumer/consumer.ts'
import { type StopOptions, stopAndRemove } from '../consumer/stop.ts'
import type { Db } from '../db/pool.ts'
import { untilWritten } from '../db/until-written.ts'
import { refusalAmong } from '../destination/address.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { changedMeanwhile } from '../input/etag.ts'
import type { SecretBox } from '../sealing/secret.ts'
import {
  countSubscriptions,
  type FoundSubscription,
  findSubscription,
  subscriptionOf,
} from './find.ts'
import { faultsOfMovedKeys, type ShownSubscription, sealSubscription, sealUpdate } from './seal.ts'
import { faultsOfSubscription, type NewSubscription, urlsOfDestination } from './subscription.ts'

export type SubscribeServices = {
  db: Db
  secrets: SecretBox
  allowPrivateTargets: boolean
  allowDefaultCredentials: boolean
}

/** Creates a subscription, which receives events from now on if it is active. */
export async function subscribe(
  services: SubscribeServices,
  tenant: string,
  subscription: NewSubscription & { id: string },
  change: Change,
): Promise<ShownSubscription> {
  const { db, secrets } = services
  // In a path they are steps: clients would leave them out.
  if (/^\.\.?$/.test(subscription.id))
    throw invalid([fault('id', 'pattern', 'must be more than dots')])
  await refuseFaults(services, tenant, subscription)
  // Not exact in a race: it only bounds the list.
  if ((await countSubscriptions(db, tenant)) >= limits.storedSubscriptions) {
    throw tooMany(`${limits.storedSubscriptions} subscriptions, inactive ones included`)
  }
  const consumer = consumerIdOf('subscription', subscription.id)
  const most = limits.subscriptionsPerTenant
  const document = sealSubscription(tenant, subscription, secrets)
  const desired = subscription.active === false ? 'stopped' : 'running'
  const outcome = await registerConsumer(db, tenant, consumer, {
    kind: 'subscription',
    ...change,
    most,
    document,
    status: desired,
  })
  if (outcome === 'taken') throw invalid([fault('id', 'taken', 'is taken by another subscription')])
  if (outcome === 'full') throw tooMany(`${most} active subscriptions`)
  return { id: subscription.id, desired, document }
}

/**
 * Replaces the representation of the same id. The position stays. If the update activates it, it
 * goes on where it stopped, or from now if it stopped before `oldestRestart`. Deactivating takes
 * two changes: after a failure between them, the same update sent again has the same result.
 * Throws `precondition_failed` if its version is not `ifVersion`.
 */
export async function updateSubscription(
  services: SubscribeServices,
  tenant: string,
  update: NewSubscription & { id: string },
  {
    oldestRestart,
    ifVersion,
    ...change
  }: Change & { oldestRestart: number; ifVersion: number | undefined },
): Promise<FoundSubscription> {
  const { db, secrets } = services
  const consumer = consumerIdOf('subscription', update.id)
  let expected = ifVersion
  return untilWritten(`the subscription ${update.id}`, async () => {
    const found = await mustFind(db, tenant, update.id)
    const { version } = found
    if (expected !== undefined && expected !== version) throw changedMeanwhile(update.id)
    const document = sealUpdate(tenant, update, found.document, secrets)
    await refuseFaults(services, tenant, document)
    const moved = faultsOfMovedKeys(update, found.document)
    if (moved.length > 0) throw invalid(moved)
    if (update.active === false && found.desired === 'running') {
      // Before the replacement, so that nothing leaves that the update would not have allowed;
      // after the checks, so that a refused update changes nothing.
      const stop = { ...change, command: 'stop', ifVersion: version } as const
      const stopped = (await changeConsumer(db, tenant, consumer, stop)).consumer
      if (stopped && expected !== undefined) expected = stopped.version
      return undefined
    }
    const mostRunning = limits.subscriptionsPerTenant
    const options = { ...change, document, ifVersion: version, mostRunning }
    // One change, so that nothing is replaced if there is no room to start it.
    const changed =
      update.active && found.desired === 'stopped'
        ? await startConsumer(db, tenant, consumer, { ...options, oldestRestart })
        : await changeConsumer(db, tenant, consumer, { ...options, command: 'replace' })
    if (changed.outcome === 'full') throw tooMany(`${mostRunning} active subscriptions`)
    return changed.consumer && subscriptionOf(update.id, changed.consumer)
  })
}

/** Deactivates it; activated again, it goes on where it stopped. Throws `not_found`. */
export async function deactivate(
  db: Db,
  tenant: string,
  id: string,
  change: Change,
): Promise<FoundSubscription> {
  const found = await mustFind(db, tenant, id)
  await changeConsumer(db, tenant, found.consumer, { ...change, command: 'stop' })
  return found
}

/** Stops it and removes it, as stopAndRemove does. Throws `not_found`. */
export async function removeSubscription(
  db: Db,
  tenant: string,
  id: string,
  options: Omit<StopOptions, 'reason'>,
): Promise<void> {
  const consumer = consumerIdOf('subscription', id)
  if (!(await stopAndRemove(db, tenant, consumer, options))) throw noSuchSubscription(id)
}

/** One subscription of a tenant. Throws `not_found`. */
export async function mustFind(db: Db, tenant: string, id: string): Promise<FoundSubscription> {
  const found = await findSubscription(db, tenant, id)
  if (found) return found
  throw noSuchSubscription(id)
}

function noSuchSubscription(id: string): MillraceError {
  return new MillraceError('not_found', `There is no subscription ${JSON.stringify(id)}.`)
}

function tooMany(what: string): MillraceError {
  const message = `The tenant already has ${what}, the maximum.`
  return new MillraceError('too_many_subscriptions', message)
}

async function refuseFaults(
  services: SubscribeServices,
  tenant: string,
  subscription: Pick<NewSubscription, 'destination'>,
): Promise<void> {
  const mayBorrowKeys = services.allowDefaultCredentials
  const faults = faultsOfSubscription(subscription, { mayBorrowKeys })
  if (faults.length > 0) throw invalid(faults)
  if (services.allowPrivateTargets) return
  const found = await refusalAmong(urlsOfDestination(subscription.destination), tenant)
  if (!found) return
  throw invalid([fault(found.field, 'private_target', `is refused: ${found.refusal}`)])
}

// The consumers that the API knows, by kind, and how to find one, for a while after its end too.

import { consumerIdOf, type Kind } from '../consumer/consumer.ts'
import { type Ended, findEnded } from '../consumer/ended.ts'
import type { Db } from '../db/pool.ts'
import { MillraceError } from '../errors.ts'
import { findIntegration } from '../integration/find.ts'
import { EVENTSTREAM, idParameter } from '../integration/schemas.ts'
import { findSubscription } from '../subscription/find.ts'
import * as subscriptions from '../subscription/schemas.ts'
import type { SendingConfiguration } from './configuration.ts'

type Status = 'running' | 'stopped' | Ended['ending']

/** A consumer as its API finds it. */
export type FoundConsumer = {
  id: string
  /** An integration that is stopped runs until its worker has released it. */
  status: Status
  /** As it is configured. */
  desired: Status
  configuration: SendingConfiguration
  /** The position of its registration. */
  createdPosition: number
}

/** A kind of consumer in the API. */
export type Subject = {
  /** "Integration", in the names of operations and in errors. */
  noun: 'Integration' | 'Subscription'
  kind: Kind & SendingConfiguration['kind']
  /** The path of one, which ends in its parameter. */
  path: string
  parameter: typeof idParameter | typeof subscriptions.idParameter
  /** The id of one as a consumer. */
  consumerOf(name: string): string
  find(db: Db, tenant: string, name: string): Promise<FoundConsumer | undefined>
}

export const integrationSubject: Subject = {
  noun: 'Integration',
  kind: 'integration',
  path: `${EVENTSTREAM}/:${idParameter.name}`,
  parameter: idParameter,
  consumerOf: (name) => name,
  async find(db, tenant, name) {
    const found = await findIntegration(db, tenant, name)
    return found && { ...found, configuration: { kind: 'integration', document: found.document } }
  },
}

export const subscriptionSubject: Subject = {
  noun: 'Subscription',
  kind: 'subscription',
  path: `${subscriptions.SUBSCRIPTIONS}/:${subscriptions.idParameter.name}`,
  parameter: subscriptions.idParameter,
  consumerOf: (name) => consumerIdOf('subscription', name),
  async find(db, tenant, name) {
    const found = await findSubscription(db, tenant, name)
    if (!found) return undefined
    const { consumer, desired, document, createdPosition } = found
    return {
      id: consumer,
      status: desired,
      desired,
      createdPosition,
      configuration: { kind: 'subscription', document },
    }
  },
}

/**
 * The consumer that a tenant calls `name`, or the last one of that name if it ended after the
 * position `since`. Throws `not_found`.
 */
export async function findSubject(
  db: Db,
  subject: Subject,
  { tenant, name, since }: { tenant: string; name: string; since: number },
): Promise<FoundConsumer> {
  const { kind } = subject
  const alive = await subject.find(db, tenant, name)
  if (alive) return alive
  const id = subject.consumerOf(name)
  const ended = await findEnded(db, tenant, { id, kind, since })
  if (!ended) throw noSuchSubject(subject, name)
  const configuration = { kind, document: ended.document } as SendingConfiguration
  const { ending: status, createdPosition } = ended
  return { id, status, desired: status, createdPosition, configuration }
}

/** The error for a name without a consumer. */
export function noSuchSubject({ noun }: Subject, name: string): MillraceError {
  const message = `There is no ${noun.toLowerCase()} ${JSON.stringify(name)}.`
  return new MillraceError('not_found', message)
}

/** Refuses to send to an ended consumer: it no longer has a target. Throws `not_found`. */
export function refuseEnded({ noun }: Subject, name: string, { status }: FoundConsumer): void {
  if (status !== 'completed' && status !== 'deleted') return
  const what = status === 'deleted' ? 'was deleted' : 'has completed'
  const consumer = `The ${noun.toLowerCase()} ${JSON.stringify(name)}`
  throw new MillraceError('not_found', `${consumer} ${what}: it no longer has a target.`)
}

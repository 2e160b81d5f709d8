// Finds subscriptions, by the id in their API.

import { sql } from 'kysely'
import type { Consumer } from '../consumer/change.ts'
import { consumerIdOf } from '../consumer/consumer.ts'
import type { Db } from '../db/pool.ts'
import type { SubscriptionDocument } from './subscription.ts'

export type FoundSubscription = {
  /** The id in the API. */
  id: string
  /** Its id as a consumer. */
  consumer: string
  version: number
  /** The last requested status, from people or from a target that accepts nothing more. */
  desired: 'running' | 'stopped'
  document: SubscriptionDocument
  createdPosition: number
}

/** One subscription of a tenant; undefined if there is none. */
export async function findSubscription(
  db: Db,
  tenant: string,
  id: string,
): Promise<FoundSubscription | undefined> {
  const consumer = consumerIdOf('subscription', id)
  return (await subscriptionsQuery(db, tenant).where('id', '=', consumer).execute())[0]
}

/** All subscriptions of a tenant, deactivated ones included, in the order of their creation. */
export async function listSubscriptions(db: Db, tenant: string): Promise<FoundSubscription[]> {
  return subscriptionsQuery(db, tenant).orderBy('created_position').execute()
}

/** How many subscriptions a tenant has, deactivated ones included. */
export async function countSubscriptions(db: Db, tenant: string): Promise<number> {
  const { count } = await db
    .selectFrom('consumer')
    .where('tenant', '=', tenant)
    .where('kind', '=', 'subscription')
    .select(sql<number>`count(*)::integer`.as('count'))
    .executeTakeFirstOrThrow()
  return count
}

/** The subscription after a change. */
export function subscriptionOf(id: string, consumer: Consumer): FoundSubscription {
  const { id: name, version, status: desired, createdPosition } = consumer
  const document = consumer.document as SubscriptionDocument
  return { id, consumer: name, version, desired, document, createdPosition }
}

function subscriptionsQuery(db: Db, tenant: string) {
  return db
    .selectFrom('consumer')
    .where('tenant', '=', tenant)
    .where('kind', '=', 'subscription')
    .select([
      sql<string>`substr(id, length('subscription:') + 1)`.as('id'),
      'id as consumer',
      'version',
      'status as desired',
      'created_position as createdPosition',
    ])
    .select((eb) => eb.ref('document').$castTo<SubscriptionDocument>().as('document'))
}

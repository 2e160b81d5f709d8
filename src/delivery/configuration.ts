// The configuration of a consumer for delivery: its kind and document, its filter, and its
// in-flight limit. Only here the kind matters; the rest of delivery treats all consumers alike.

import { limits } from '../config.ts'
import { QUEUE_IN_FLIGHT } from '../destination/queue.ts'
import { filterOf, type IntegrationDocument } from '../integration/integration.ts'
import type { EventFilter } from '../log/event.ts'
import { filterOfSubscription, type SubscriptionDocument } from '../subscription/subscription.ts'

export type IntegrationConfiguration = { kind: 'integration'; document: IntegrationDocument }
type SubscriptionConfiguration = { kind: 'subscription'; document: SubscriptionDocument }
/** Our own tables; the filter is in the document, as for an integration. */
type ProjectionConfiguration = {
  kind: 'projection'
  document: Pick<IntegrationDocument, 'filter_conditions'>
}
export type Configuration =
  | IntegrationConfiguration
  | SubscriptionConfiguration
  | ProjectionConfiguration
/** Configurations with a target. */
export type SendingConfiguration = Exclude<Configuration, ProjectionConfiguration>

/** The filter of a consumer; null takes everything. */
export function filterOfConfiguration({ kind, document }: Configuration): EventFilter | null {
  return kind === 'subscription' ? filterOfSubscription(document) : filterOf(document)
}

/** How many events of different entities may be in flight at once. */
export function maxInFlightOf({ kind, document }: SendingConfiguration): number {
  if (kind === 'subscription') return QUEUE_IN_FLIGHT
  return document.delivery?.max_in_flight ?? limits.maxInFlight
}

/** The run that a consumer is registered with: 0 is live; a temporary integration is a replay. */
export function ownRunOf({ kind, document }: SendingConfiguration): number {
  return kind === 'integration' && document.integration_type === 'temporary' ? 1 : 0
}

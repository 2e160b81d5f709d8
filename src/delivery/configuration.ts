// What a consumer is, as far as delivery is concerned: the kind and its document, which events it
// takes, and how many of them may be under way at once. Here a kind becomes an answer; the rest of
// delivery treats all consumers alike.

import { limits } from '../config.ts'
import { QUEUE_IN_FLIGHT } from '../destination/queue.ts'
import { filterOf, type IntegrationDocument } from '../integration/integration.ts'
import type { EventFilter } from '../log/event.ts'
import { filterOfSubscription, type SubscriptionDocument } from '../subscription/subscription.ts'

export type IntegrationConfiguration = { kind: 'integration'; document: IntegrationDocument }
type SubscriptionConfiguration = { kind: 'subscription'; document: SubscriptionDocument }
/** Tables of ours; what it takes stands in its document as with an integration. */
type ProjectionConfiguration = {
  kind: 'projection'
  document: Pick<IntegrationDocument, 'filter_conditions'>
}
export type Configuration =
  | IntegrationConfiguration
  | SubscriptionConfiguration
  | ProjectionConfiguration
/** What events are sent to. */
export type SendingConfiguration = Exclude<Configuration, ProjectionConfiguration>

/** Which events of the log a consumer takes; null takes everything. */
export function filterOfConfiguration({ kind, document }: Configuration): EventFilter | null {
  return kind === 'subscription' ? filterOfSubscription(document) : filterOf(document)
}

/** How many events of different entities may be sent to it at once. */
export function maxInFlightOf({ kind, document }: SendingConfiguration): number {
  if (kind === 'subscription') return QUEUE_IN_FLIGHT
  return document.delivery?.max_in_flight ?? limits.maxInFlight
}

/** The run that a consumer is registered with: 0 is live; a temporary integration is a replay. */
export function ownRunOf({ kind, document }: SendingConfiguration): number {
  return kind === 'integration' && document.integration_type === 'temporary' ? 1 : 0
}

// The configuration of a consumer for delivery: its kind and document, its filter, and its
// in-flight limit. A replay may have a filter of its own. Only here the kind matters; the rest of
// delivery treats all consumers alike.

import { limits } from '../config.ts'
import { QUEUE_IN_FLIGHT } from '../destination/queue.ts'
import { filterOf, type IntegrationDocument } from '../integration/integration.ts'
import { ALERT_ENTITY, isAlert } from '../log/alert.ts'
import type { EventFilter, Selection } from '../log/event.ts'
import { filterOfSubscription, type SubscriptionDocument } from '../subscription/subscription.ts'
import type { Target } from './metrics.ts'

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

/** The kind of target, as metrics name it. */
export function targetOf({ kind, document }: SendingConfiguration): Target {
  if (kind === 'integration') return document.s3_parameters ? 's3' : 'webhook'
  return document.destination.type === 'SNS' ? 'sns' : 'sqs'
}

/** The filter of a consumer; null takes everything. */
function filterOfConfiguration({ kind, document }: Configuration): EventFilter | null {
  return kind === 'subscription' ? filterOfSubscription(document) : filterOf(document)
}

/** A replay's own filter, and its most events a second; null: those of all others. */
export type ReplayTerms = {
  filter_conditions: IntegrationDocument['filter_conditions'] | null
  rate: number | null
}

type Run = { configuration: Configuration; terms: ReplayTerms | null; lease: { consumer: string } }

/**
 * The filter of a run: that of its replay, or else that of its consumer. Alerts are taken only if
 * it names them, and never those about the consumer itself.
 */
export function filterOfRun({ configuration, terms, lease }: Run): EventFilter | null {
  const { filter_conditions } = terms ?? {}
  const filter = filter_conditions
    ? filterOf({ filter_conditions })
    : filterOfConfiguration(configuration)
  const mayTakeAlerts = filter?.entities.includes(ALERT_ENTITY) || filter?.names.some(isAlert)
  return filter && mayTakeAlerts ? { ...filter, notAbout: lease.consumer } : filter
}

/** The events that a run takes. */
export function selectionOf(run: Run & { lease: { run: number } }): Selection {
  return { filter: filterOfRun(run), isLive: run.lease.run === 0 }
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

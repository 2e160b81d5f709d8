// A replay that somebody asks for: its rules beyond the schema, its range in positions, its filter.

import { filterOfRun, type ReplayTerms } from '../delivery/configuration.ts'
import type { FoundConsumer } from '../delivery/subject.ts'
import { type Fault, fault, invalid } from '../errors.ts'
import { faultsOfParts } from '../integration/integration.ts'
import type { EventFilter } from '../log/event.ts'
import { positionOf } from '../log/position.ts'
import type { NewReplay } from './schemas.ts'

export type ReplayPlan = {
  /** The first position and the last one, which may lie in the future. */
  from: number
  to: number
  filter: EventFilter | null
  terms: ReplayTerms
}

/**
 * The plan of a replay at the time `now` (ms). Its filter replaces that of the consumer. Throws
 * `invalid_request` with all faults.
 */
export function planReplay(
  { from, to, filter_conditions, rate }: NewReplay,
  { id, configuration }: Pick<FoundConsumer, 'id' | 'configuration'>,
  now: number,
): ReplayPlan {
  const terms = { filter_conditions: filter_conditions ?? null, rate: rate ?? null }
  const [first, last] = [positionOf(from), positionOf(to)]
  const faults = [
    ...(filter_conditions ? faultsOfParts({ filter_conditions }) : []),
    ...faultsOfKind(),
  ]
  if (first !== undefined && first > now * 1000) {
    faults.push(fault('from', 'in_the_future', 'must not be in the future'))
  } else if (first !== undefined && last !== undefined && last < first) {
    faults.push(fault('to', 'before_start', 'must not be before from'))
  }
  if (faults.length > 0 || first === undefined || last === undefined) throw invalid(faults)
  return {
    from: first,
    to: last,
    filter: filterOfRun({ configuration, terms, lease: { consumer: id } }),
    terms,
  }

  function faultsOfKind(): Fault[] {
    const found: Fault[] = []
    const { kind, document } = configuration
    if (kind === 'subscription' && filter_conditions) {
      const reason = 'is for integrations only: a subscription takes one entity type'
      found.push(fault('filter_conditions', 'not_allowed', reason))
    }
    if (kind === 'integration' && document.s3_parameters && rate !== undefined) {
      found.push(fault('rate', 'not_allowed', 'is for single events: the integration gets files'))
    }
    return found
  }
}

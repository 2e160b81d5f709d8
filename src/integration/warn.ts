// Warnings for names in a filter that nobody has published yet: they are accepted, and may be
// misspelt.

import type { Db } from '../db/pool.ts'
import { type Named, type Warning, warningsOf } from '../log/event-type.ts'
import type { NewIntegration } from './integration.ts'

/** The warnings for the filter of a registration or an update; `{}` if there are none. */
export async function warningsOfFilter(
  db: Db,
  tenant: string,
  { filter_conditions = {} }: Pick<NewIntegration, 'filter_conditions'>,
): Promise<{ warnings?: Warning[] }> {
  const { event_filter = [], entity_filter = [] } = filter_conditions
  const named = (list: 'event_filter' | 'entity_filter', kind: Named['kind'], values: string[]) =>
    values.map((value) => ({ field: `filter_conditions.${list}`, value, kind }))
  const warnings = await warningsOf(db, tenant, [
    ...named('event_filter', 'name', event_filter),
    ...named('entity_filter', 'entity', entity_filter),
  ])
  return warnings.length > 0 ? { warnings } : {}
}

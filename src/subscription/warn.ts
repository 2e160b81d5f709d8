// Warns if no event of an entity type was published yet: it is accepted, and may be misspelt.

import { entityOfType } from '../collector/event.ts'
import type { Db } from '../db/pool.ts'
import { type Warning, warningsOf } from '../log/event-type.ts'
import { ENTITY_TYPES, type NewSubscription } from './subscription.ts'

/** Warnings of a subscription; `{}` if there are none. */
export async function warningsOfType(
  db: Db,
  tenant: string,
  { entityType }: Pick<NewSubscription, 'entityType'>,
): Promise<{ warnings?: Warning[] }> {
  if (ENTITY_TYPES.includes(entityType)) return {}
  const value = entityOfType(entityType)
  const warnings = await warningsOf(db, tenant, [{ field: 'entityType', value, kind: 'entity' }])
  return warnings.length > 0 ? { warnings } : {}
}

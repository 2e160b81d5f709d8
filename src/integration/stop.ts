// Stopping an integration, and what it is then.

import type { Change } from '../consumer/change.ts'
import { stopAndWait } from '../consumer/stop.ts'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import { type FoundIntegration, findIntegration, integrationOf } from './find.ts'

/**
 * Stops an integration, waits as stopAndWait does, and returns it as it is then: `running` if it is
 * not known to have let go, since the database went away after the stop. Undefined where there is
 * none.
 */
export async function stopIntegration(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { onHalted: (tenant: string, id: string) => void },
): Promise<FoundIntegration | undefined> {
  const consumer = await stopAndWait(db, tenant, id, options)
  if (!consumer) return undefined
  return findIntegration(db, tenant, id).catch((error) => {
    if (maySendAgain(error)) return integrationOf(consumer, 'running')
    throw error
  })
}

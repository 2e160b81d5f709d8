// Stops an integration, and returns its state.

import type { Change } from '../consumer/change.ts'
import { stopAndWait } from '../consumer/stop.ts'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import { type FoundIntegration, findIntegration, integrationOf } from './find.ts'

/**
 * Stops an integration, waits as stopAndWait does, and returns its state. That is `running` if the
 * lease is not known to be released, because the database became unreachable after the stop.
 * Undefined if there is no such integration.
 */
export async function stopIntegration(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { requestHalt: (tenant: string, id: string) => void },
): Promise<FoundIntegration | undefined> {
  const consumer = await stopAndWait(db, tenant, id, options)
  if (!consumer) return undefined
  return findIntegration(db, tenant, id).catch((error) => {
    if (maySendAgain(error)) return integrationOf(consumer, 'running')
    throw error
  })
}

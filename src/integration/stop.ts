// Stops an integration, and returns its state.

import { type StopOptions, stopAndWait } from '../consumer/stop.ts'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import { type FoundIntegration, findIntegration, integrationOf } from './find.ts'
import { noSuchIntegration } from './refuse.ts'

/**
 * Stops an integration, waits as stopAndWait does, and returns its state. That is `running` if the
 * lease is not known to be released, because the database became unreachable after the stop.
 */
export async function stopIntegration(
  db: Db,
  tenant: string,
  id: string,
  options: StopOptions,
): Promise<FoundIntegration> {
  const consumer = await stopAndWait(db, tenant, id, options)
  if (!consumer) throw noSuchIntegration(id)
  const found = await findIntegration(db, tenant, id).catch((error) => {
    if (maySendAgain(error)) return integrationOf(consumer, 'running')
    throw error
  })
  if (!found) throw noSuchIntegration(id)
  return found
}

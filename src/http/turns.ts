// Questions that are dear to the database take turns, tenant by tenant: few are asked at once.

import type { Database, Db } from '../db/pool.ts'
import { closeSignalOf, onCloseOf } from './body.ts'
import { createBudget } from './budget.ts'
import type { RequestContext } from './route.ts'

/**
 * Reads when the tenant's turn has come, until its client has gone. Rejects with `overloaded` if
 * too many wait.
 */
export type InTurn = <Found>(
  context: RequestContext,
  tenant: string,
  read: (db: Db) => Promise<Found>,
) => Promise<Found>

/** Turns at a database for readers, of which `most` are taken at once. */
export function createTurns(reading: Database, most: number): InTurn {
  const turns = createBudget(most, 'Too many such questions; try again.')
  return async ({ res }, tenant, read) => {
    const release = await turns(tenant, 1, onCloseOf(res))
    return read(reading.until(closeSignalOf(res))).finally(release)
  }
}

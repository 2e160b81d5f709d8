// Stopping, and waiting until no request leaves any more.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Change, changeConsumer } from '../consumer/change.ts'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import { type FoundIntegration, findIntegration, integrationOf } from './find.ts'

/** How long a stop waits for the worker to let go. Usually it takes milliseconds. */
export const STOP_WAIT_MS = 5_000

/**
 * Stops an integration and waits until its worker has let go, or for five seconds, and returns it
 * as it is then: `running` if it is not known to have let go, since the database went away after
 * the stop. Undefined where there is none. `onHalted` tells the worker at once.
 */
export async function stopAndWait(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { onHalted: (tenant: string, id: string) => void },
): Promise<FoundIntegration | undefined> {
  const { consumer } = await changeConsumer(db, tenant, id, 'stop', options)
  if (!consumer) return undefined
  const stopping = integrationOf(consumer, 'running')
  options.onHalted(tenant, id)
  const deadline = performance.now() + STOP_WAIT_MS
  for (let delay = 5; ; delay = Math.min(delay * 2, 100)) {
    const found = await findIntegration(db, tenant, id).catch((error) => {
      if (maySendAgain(error)) return stopping
      throw error
    })
    const isOver = !found || found.status === 'stopped' || found.desired === 'running'
    if (isOver || performance.now() > deadline) return found
    await sleep(delay)
  }
}

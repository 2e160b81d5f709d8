// Stopping, and waiting until no request leaves any more.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Change, changeConsumer } from '../consumer/change.ts'
import type { Db } from '../db/pool.ts'
import { type FoundIntegration, findIntegration } from './find.ts'

/** How long a stop waits for the worker to let go. Usually it takes milliseconds. */
const WAIT_MS = 5_000

/**
 * Stops an integration and waits until its worker has let go, or for five seconds, and returns it
 * as it is then. Undefined where there is none. `onHalted` tells the worker at once.
 */
export async function stopAndWait(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { onHalted: (tenant: string, id: string) => void },
): Promise<FoundIntegration | undefined> {
  await changeConsumer(db, tenant, id, 'stop', options)
  options.onHalted(tenant, id)
  const deadline = performance.now() + WAIT_MS
  for (let delay = 5; ; delay = Math.min(delay * 2, 100)) {
    const found = await findIntegration(db, tenant, id)
    const isOver = !found || found.status === 'stopped' || found.desired === 'running'
    if (isOver || performance.now() > deadline) return found
    await sleep(delay)
  }
}

// Stopping a consumer, and waiting until no request of it leaves any more.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import { type Change, type Consumer, changeConsumer } from './change.ts'

/** How long a stop waits for the worker to let go. Usually it takes milliseconds. */
export const STOP_WAIT_MS = 5_000

/**
 * Stops a consumer and waits until its worker has let go, and the last file is closed, but for five
 * seconds at most. Returns it as the stop has left it; undefined where there is none. `onHalted`
 * tells the worker at once.
 */
export async function stopAndWait(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { onHalted: (tenant: string, id: string) => void },
): Promise<Consumer | undefined> {
  const { consumer } = await changeConsumer(db, tenant, id, 'stop', options)
  if (!consumer) return undefined
  options.onHalted(tenant, id)
  const deadline = performance.now() + STOP_WAIT_MS
  for (let delay = 5; await isLettingGo(db, tenant, id); delay = Math.min(delay * 2, 100)) {
    if (performance.now() > deadline) break
    await sleep(delay)
  }
  return consumer
}

/** Whether a worker holds a stopped consumer still; while the database is away, it may. */
async function isLettingGo(db: Db, tenant: string, id: string): Promise<boolean> {
  const held = await db
    .selectFrom('consumer')
    .innerJoin('cursor', (join) =>
      join
        .onRef('cursor.tenant', '=', 'consumer.tenant')
        .onRef('cursor.consumer', '=', 'consumer.id'),
    )
    .where('consumer.tenant', '=', tenant)
    .where('consumer.id', '=', id)
    .where('consumer.status', '=', 'stopped')
    .where(sql<boolean>`(is_held(cursor.lease_until) or is_held(cursor.close_until))`)
    .select('cursor.run')
    .executeTakeFirst()
    .catch((error) => {
      if (maySendAgain(error)) return { run: 0 }
      throw error
    })
  return held !== undefined
}

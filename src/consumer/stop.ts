// Stops a consumer, and waits until none of its requests leaves any more.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import { type Change, type Consumer, changeConsumer } from './change.ts'

/** How long a stop waits for the worker to release its lease. Usually it takes milliseconds. */
export const STOP_WAIT_MS = 5_000

/**
 * Stops a consumer, and waits at most five seconds until its worker has released the lease and the
 * last file is finished. Returns the consumer after the stop; undefined if there is none.
 * `requestHalt` notifies the worker at once.
 */
export async function stopAndWait(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { requestHalt: (tenant: string, id: string) => void },
): Promise<Consumer | undefined> {
  const { consumer } = await changeConsumer(db, tenant, id, { ...options, command: 'stop' })
  if (!consumer) return undefined
  options.requestHalt(tenant, id)
  const deadline = performance.now() + STOP_WAIT_MS
  for (let delay = 5; await isLettingGo(db, tenant, id); delay = Math.min(delay * 2, 100)) {
    if (performance.now() > deadline) break
    await sleep(delay)
  }
  return consumer
}

/** Whether a worker may still hold a stopped consumer; true while the database is unreachable. */
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

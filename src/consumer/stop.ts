// Stops a consumer, and waits until none of its requests leaves any more.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import { isGone } from '../db/presence.ts'
import { changedMeanwhile } from '../input/etag.ts'
import { type Change, type Consumer, changeConsumer } from './change.ts'

/** How long a stop waits for the worker to release its lease. Usually it takes milliseconds. */
export const STOP_WAIT_MS = 5_000

export type StopOptions = Change & {
  requestHalt: (tenant: string, id: string) => void
  ifVersion?: number | undefined
}

/**
 * Stops a consumer, and waits at most five seconds until its worker has released the lease and the
 * last file is finished. Returns the consumer after the stop; undefined if there is none.
 * `requestHalt` notifies the worker at once. Throws `precondition_failed` if its version is not
 * `ifVersion`.
 */
export async function stopAndWait(
  db: Db,
  tenant: string,
  id: string,
  options: StopOptions,
): Promise<Consumer | undefined> {
  const stop = { ...options, command: 'stop' } as const
  const { outcome, consumer } = await changeConsumer(db, tenant, id, stop)
  if (outcome === 'refused') throw changedMeanwhile(id)
  if (!consumer) return undefined
  options.requestHalt(tenant, id)
  const deadline = performance.now() + STOP_WAIT_MS
  for (let delay = 5; await isLettingGo(db, tenant, id); delay = Math.min(delay * 2, 100)) {
    if (performance.now() > deadline) break
    await sleep(delay)
  }
  return consumer
}

/**
 * Stops a consumer as stopAndWait does, so that nothing leaves after it, and removes it. Returns
 * whether there was one.
 */
export async function stopAndRemove(
  db: Db,
  tenant: string,
  id: string,
  { actor, requestHalt, ifVersion }: Omit<StopOptions, 'reason'>,
): Promise<boolean> {
  const stop = { actor, reason: 'Stopped to be deleted via API.', requestHalt, ifVersion }
  const stopped = await stopAndWait(db, tenant, id, stop)
  if (!stopped) return false
  const { outcome } = await changeConsumer(db, tenant, id, {
    command: 'remove',
    actor,
    reason: 'Deleted via API.',
    ifVersion: ifVersion === undefined ? undefined : stopped.version,
  })
  if (outcome === 'refused') throw changedMeanwhile(id)
  return outcome !== 'absent'
}

/**
 * Whether a worker may still hold a stopped consumer; true while the database is unreachable. It is
 * no question to the clock: a worker that lives releases its lease, and one that is gone sends
 * nothing.
 */
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
    .where(
      sql<boolean>`(
        cursor.owner is not null and not ${sql.raw(isGone('cursor.owner'))}
        or is_held(cursor.close_until)
      )`,
    )
    .select('cursor.run')
    .executeTakeFirst()
    .catch((error) => {
      if (maySendAgain(error)) return { run: 0 }
      throw error
    })
  return held !== undefined
}

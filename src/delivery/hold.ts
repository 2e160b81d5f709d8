// Holding a lease while something takes its time: renewed in the background, and surely held only
// until a deadline, which a renewal moves on.

import type { Db } from '../db/pool.ts'
import { type Lease, renewLease } from './cursor.ts'
import { type Deadline, now } from './deadline.ts'

/** The part of a lease after which nothing is sent any more: clocks run at different speeds. */
export const SAFE_PART = 0.8

type Hold = {
  /** Whether it may have run out: nothing may be sent any more. */
  isOver(): boolean
  /** Renews it no more. Resolves when no renewal is under way. */
  end(): Promise<void>
}

/**
 * Holds a lease, and moves its deadline on. `onLost`: another worker has it; `onStopped`: its
 * integration was stopped.
 */
export function holdLease(
  db: Db,
  lease: Lease,
  options: { leaseMs: number; deadline: Deadline; onLost: () => void; onStopped: () => void },
): Hold {
  const { leaseMs, deadline } = options
  let renewing: Promise<void> | undefined
  const timer = setInterval(() => {
    renewing ??= renew().finally(() => {
      renewing = undefined
    })
  }, leaseMs / 4)

  return {
    isOver: deadline.isOver,
    async end() {
      clearInterval(timer)
      await renewing
    },
  }

  async function renew(): Promise<void> {
    const asked = now()
    // A renewal that fails is tried again; the deadline sees to it that nobody waits too long.
    const outcome = await renewLease(db, lease, leaseMs).catch(() => 'failed' as const)
    if (outcome === 'failed') return
    if (outcome === 'lost') return options.onLost()
    deadline.extend(asked)
    if (outcome === 'stopped') options.onStopped()
  }
}

// A lease that is held while something takes its time: renewed in the background, and surely held
// only until a deadline, which each renewal moves on. Cursors and notification jobs have such
// leases. A turn that sends events renews its lease with its steps instead (steps.ts).

import type { Db } from '../db/pool.ts'
import type { Session } from '../db/presence.ts'
import { type Lease, renewLease } from './cursor.ts'
import { createDeadline, type Deadline, now } from './deadline.ts'

/** The part of a lease after which nothing is sent any more: clocks run at different speeds. */
const SAFE_PART = 0.8

/**
 * Takes a lease for `leaseMs` under the presence of this worker, with `take`. `deadline`: until
 * when it is surely held. Undefined without a presence, and if `take` gives nothing.
 */
export async function takeUntilDeadline<Leased>(
  session: Session | undefined,
  leaseMs: number,
  take: (owner: string) => Promise<Leased | undefined>,
): Promise<{ leased: Leased; deadline: Deadline } | undefined> {
  const asked = now()
  const leased = session && (await take(session.owner))
  if (!leased) return undefined
  return { leased, deadline: createDeadline(asked, leaseMs * SAFE_PART, session.isPresent) }
}

type HeldLease = {
  /** Whether it may have run out: nothing may be sent any more. */
  isOver(): boolean
  /** Renews it no more. Resolves when no renewal is under way. */
  end(): Promise<void>
}

/** Holds a lease. `renew` says whether it is still ours; if it rejects it is called again. */
export function holdLease(
  leaseMs: number,
  deadline: Deadline,
  renew: () => Promise<boolean>,
): HeldLease {
  let renewing: Promise<void> | undefined
  const timer = setInterval(() => {
    renewing ??= renewOnce()
      .catch(() => {}) // the deadline sees to it that nobody waits too long
      .finally(() => {
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

  async function renewOnce(): Promise<void> {
    const asked = now()
    if (await renew()) deadline.extend(asked)
  }
}

/** Holds the lease of a cursor; of what a renewal finds the turn hears by `on`. */
export function holdCursor(
  { db, leaseMs }: { db: Db; leaseMs: number },
  lease: Lease,
  deadline: Deadline,
  on: { lost(): void; stopped(): void },
): HeldLease {
  return holdLease(leaseMs, deadline, async () => {
    const outcome = await renewLease(db, lease, leaseMs)
    if (outcome === 'lost') on.lost()
    if (outcome === 'stopped') on.stopped()
    return outcome !== 'lost'
  })
}

// A lease for longer work: renewed in the background, and certainly held only until a deadline,
// which each renewal moves. Cursors and notification jobs use it. A turn that sends events renews
// its lease with its steps instead (steps.ts).

import type { Db } from '../db/pool.ts'
import type { Session } from '../db/presence.ts'
import { type Lease, renewLease } from './cursor.ts'
import { createDeadline, type Deadline, now } from './deadline.ts'

/** The part of a lease after which nothing is sent: clocks run at different speeds. */
const SAFE_PART = 0.8

/**
 * Takes a lease for `leaseMs` under the presence of this worker, with `take`. `deadline`: how long
 * it is certainly held. Undefined without a presence, or if `take` returns nothing.
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
  /** Stops renewing. Resolves when no renewal is under way. */
  end(): Promise<void>
}

/** Holds a lease. `renew` says whether it is still ours; if it rejects, it is called again. */
export function holdLease(
  leaseMs: number,
  deadline: Deadline,
  renew: () => Promise<boolean>,
): HeldLease {
  let renewing: Promise<void> | undefined
  const timer = setInterval(() => {
    renewing ??= renewOnce()
      .catch(() => {}) // the deadline bounds the wait
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

/** Holds the lease of a cursor; `on` reports the findings of a renewal to the turn. */
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

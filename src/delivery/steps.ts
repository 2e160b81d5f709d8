// The steps of a turn that sends: one statement writes progress and renews the lease, every 250 ms
// or 200 events, or earlier if the lease needs it. One step at a time.

import type { Db } from '../db/pool.ts'
import type { Lease } from './cursor.ts'
import { type Deadline, now } from './deadline.ts'
import type { Ending } from './ending.ts'
import { type Intake, stepOf } from './intake.ts'
import { moveCursor } from './step.ts'

export const STEP_MS = 250
export const STEP_EVENTS = 200
/** The part of a lease after which it is renewed. */
const RENEW_PART = 0.4

export type Steps = {
  /** Also called while events in flight finish: the lease must not end before that. */
  writeIfDue(): void
  /** One is under way. */
  readonly isWriting: boolean
}

/** `onWritten` is called after each step, even a failed one. */
export function createSteps(
  { db, leaseMs }: { db: Db; leaseMs: number },
  held: { lease: Lease; deadline: Deadline; intake: Intake; ending: Ending },
  onWritten: () => void,
): Steps {
  const { lease, deadline, intake, ending } = held
  const { progress } = intake
  let isWriting = false
  let lastAt = performance.now()

  return {
    writeIfDue() {
      if (isWriting || ending.reason?.why === 'lost' || !isDue(performance.now() - lastAt)) return
      isWriting = true
      lastAt = performance.now()
      write()
        .catch(ending.breakOff)
        .finally(() => {
          isWriting = false
          onWritten()
        })
    },
    get isWriting() {
      return isWriting
    },
  }

  function isDue(sinceMs: number): boolean {
    const count = progress.count()
    // A failed step is not retried at once: the last step follows.
    if (count >= STEP_EVENTS && !isAway(ending)) return true
    return sinceMs >= leaseMs * RENEW_PART || (count > 0 && sinceMs >= STEP_MS)
  }

  async function write(): Promise<void> {
    const step = stepOf(intake, progress.attempts)
    const asked = now()
    const outcome = await moveCursor(db, lease, step, leaseMs)
    progress.written(step)
    if (outcome === 'lost') return ending.begin({ why: 'lost' })
    deadline.extend(asked)
    if (outcome !== 'running') ending.begin({ why: 'halted' })
  }
}

/** Whether the database may be unreachable. */
function isAway({ reason }: Ending): boolean {
  return reason?.why === 'broken' || reason?.why === 'expired'
}

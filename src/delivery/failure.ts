// The meaning of a failure for the stream, decided only here. A rejected event is kept, and the
// stream goes on; a refusal stops the consumer; anything else halts the cursor until a retry. The
// failed event was in flight; it is settled or given back here.

import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import type { Failure } from '../destination/destination.ts'
import type { LoggedEvent } from '../log/event.ts'
import type { Logger } from '../logger.ts'
import { recordAttempt } from './attempt.ts'
import type { Lease } from './cursor.ts'
import type { Ending } from './ending.ts'
import type { InFlightLimit } from './in-flight.ts'
import type { Intake } from './intake.ts'
import { keepRejected } from './rejected.ts'

type FailureServices = {
  db: Db
  durable: Db
  logger: Logger
}

export type Failures = {
  /** Acts on a failure. Rejects if it cannot be written down; then nothing is settled. */
  conclude(event: LoggedEvent, failure: Failure): Promise<void>
  /** Resolves when everything is written down. */
  written(): Promise<unknown>
}

/** The failures of one turn. */
export function createFailures(
  { db, durable, logger }: FailureServices,
  lease: Lease,
  ending: Ending,
  { intake, inFlight }: { intake: Intake; inFlight: InFlightLimit },
): Failures {
  const { window, progress } = intake
  /** One after the other, and before the lease is released. */
  let writes: Promise<unknown> = Promise.resolve()

  return {
    async conclude(event, failure) {
      const recorded = record(event, failure)
      if (failure.kind === 'rejected') return reject(event, failure, recorded)
      recorded.catch(ending.breakOff)
      switch (failure.kind) {
        case 'refused':
          window.giveBack(event)
          return stop(`The target refused an event: ${failure.reason}.`)
        case 'unavailable':
          window.giveBack(event)
          if (failure.isThrottled) inFlight.throttled()
          return ending.begin({ why: 'retry', retryAfterMs: failure.retryAfterMs })
      }
    },
    written: () => writes,
  }

  function record(event: LoggedEvent, failure: Failure): Promise<void> {
    const { response: _, ...logged } = failure
    logger.info({ ...lease, position: event.position, ...logged }, 'attempt failed')
    const failed = { eventPosition: event.position, attempt: progress.attempts + 1 }
    const recorded = writes.then(() => recordAttempt(db, lease, failed, failure))
    writes = recorded.catch(() => {})
    return recorded
  }

  /**
   * One at a time, so that the limit of kept events is exact. Its attempt is recorded first, and so
   * is as durable: without the attempt, audits would call a kept event delivered.
   */
  async function reject(
    event: LoggedEvent,
    answer: { status: number; response: string },
    recorded: Promise<void>,
  ) {
    const keeping = recorded.then(() => keepRejected(durable, lease, event, answer))
    writes = keeping.catch(() => {})
    const outcome = await keeping
    if (outcome === 'lost' || outcome === 'no_room') window.giveBack(event)
    else {
      window.settle(event)
      progress.rejected()
    }
    if (outcome === 'lost') ending.begin({ why: 'lost' })
    if (outcome === 'last' || outcome === 'no_room') {
      stop(`The limit of ${limits.rejectedEvents} rejected events is reached.`)
    }
  }

  function stop(reason: string): void {
    ending.begin({ why: 'stop', reason })
  }
}

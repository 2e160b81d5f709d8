// The ending of a turn: the reason why it ends. A turn of any kind has one; it ends once there is a
// reason, and release.ts acts on the reason.

import { isBug, maySendAgain } from '../db/failure.ts'
import type { Logger } from '../logger.ts'
import type { Lease } from './cursor.ts'

/**
 * * `halted`: its consumer was stopped or changed.
 * * `draining`: the process ends.
 * * `yielded`: others want the slot, or there is nothing to do.
 * * `expired`: the lease may have run out.
 * * `lost`: another worker has the lease.
 * * `at_end`: a replay is at its end.
 * * `broken`: a failure on our side.
 * * `finished`: the last file of a stopped integration is written.
 * * `not_due`: the next file is not due yet.
 * * `retry`: the target may accept it later.
 * * `stop`: the target accepts nothing more.
 */
export type Reason =
  | { why: 'halted' | 'draining' | 'yielded' | 'expired' | 'lost' | 'at_end' | 'finished' }
  | { why: 'broken'; isCutOff: boolean }
  | { why: 'not_due'; dueInMs: number }
  | { why: 'retry'; retryAfterMs: number | undefined }
  | { why: 'stop'; reason: string }

/** Reasons that say something about the stream, the weakest first; the others say nothing. */
const RANKED: readonly string[] = ['retry', 'stop', 'lost']

export type Ending = {
  /** Undefined while the turn goes on. */
  readonly reason: Reason | undefined
  /** Ends the turn. The first reason counts, unless a later one says more about the stream. */
  begin(reason: Reason): void
  /** Ends the turn for a failure on our side, mostly the database's. */
  breakOff(error: Error): void
}

/** `onReason` is called for each reason that counts: once or twice. */
export function createEnding(logger: Logger, lease: Lease, onReason: () => void): Ending {
  let current: Reason | undefined

  return {
    get reason() {
      return current
    },
    begin,
    breakOff(error) {
      const logged = { ...lease, reason: error.message }
      if (isBug(error)) logger.error({ ...logged, cause: error.stack }, 'turn broken off')
      else logger.warn(logged, 'turn broken off')
      begin({ why: 'broken', isCutOff: maySendAgain(error) })
    },
  }

  function begin(reason: Reason): void {
    if (current && rankOf(reason) <= rankOf(current)) return
    current = reason
    onReason()
  }
}

function rankOf({ why }: Reason): number {
  return RANKED.indexOf(why)
}

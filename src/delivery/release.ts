// The end of a turn: its last step, and the release of the lease. First it decides what follows: a
// retry at a time, a stop of the consumer, or nothing.

import type { AdvanceJob } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import { whileAway } from '../db/while-away.ts'
import type { Logger } from '../logger.ts'
import { retryDelayMs } from './backoff.ts'
import type { Lease } from './cursor.ts'
import type { Reason } from './ending.ts'
import { turnsEnded } from './metrics.ts'
import { completeReplay, finishReplay } from './replay-end.ts'
import { releaseCursor, type Step } from './step.ts'
import type { TurnResult } from './turn.ts'

/** The pause of a cursor after a failure on our side, and after a lost connection. */
const BROKEN_RETRY_MS = 1_000
const CUT_OFF_RETRY_MS = 100
/** The pause between two tries to release a lease while the database is unreachable. */
const AWAY_PAUSE_MS = 250

export type ReleaseServices = {
  /** Progress and reads. */
  db: Db
  /** Writes that must not be lost: rejected events, the end of a replay. */
  durable: Db
  /** Stops the consumer, or fails the replay alone, with a reason for people. */
  stop(job: AdvanceJob, reason: string): Promise<void>
  leaseMs: number
  /** Whether the process is about to end, and cannot wait. */
  isDraining(): boolean
  retryBaseMs: number
  logger: Logger
}

type End = {
  reason: Reason
  /** Consecutive failures before this turn ended. */
  attempts: number
  /** Names what is to be retried, for reasons. */
  failing: string
  /** Makes the last step. */
  stepOf: (attempts: number) => Step
  /** Whether nothing is left to be sent, as far as is known; asked after the release. */
  isIdle?: () => boolean
}

/** Ends a turn, and returns its result. */
export async function release(
  services: ReleaseServices,
  lease: Lease,
  end: End,
): Promise<TurnResult> {
  const { reason } = end
  turnsEnded.add(1, reason.why)
  if (reason.why === 'lost') return lost(services, lease)
  const { attempts, retryInMs } = await whatNext(services, lease, end)
  // A stop tries to write the last file once: it does not wait for a failing store.
  const isFinished = ['finished', 'stop', 'retry'].includes(reason.why)
  const step = end.stepOf(attempts)
  const until = performance.now() + services.leaseMs
  // An unreleased lease would keep everybody waiting for its end after the database is back.
  const outcome = await whileAway(
    () => releaseCursor(services.db, lease, step, { retryInMs, isFinished }),
    {
      pauseMs: () => AWAY_PAUSE_MS,
      mayWait: () => !services.isDraining() && performance.now() <= until,
    },
  )
  if (outcome === 'lost') return lost(services, lease)
  // Not completed if an append under way may still belong to it: then it is woken again.
  if (reason.why === 'at_end') await completeReplay(services.durable, lease)
  else if (lease.run > 0 && outcome === 'superseded') await finishReplay(services.durable, lease)
  if (outcome === 'running' && reason.why === 'yielded' && end.isIdle?.()) return { kind: 'idle' }
  // A turn that could not begin after a start leaves the cursor of the version before.
  const goesOn = outcome === 'running' || (outcome === 'superseded' && reason.why === 'broken')
  // Stopped or changed meanwhile: there may be a file to finish.
  if (retryInMs === undefined || !goesOn) return { kind: 'done' }
  return { kind: 'retry', retryInMs }
}

function lost({ logger }: ReleaseServices, lease: Lease): TurnResult {
  logger.warn({ ...lease }, 'lease lost')
  return { kind: 'lost' }
}

type Next = { attempts: number; retryInMs: number | undefined }

/**
 * Stops the consumer if needed, before the release: a crash in between leaves a lease that ends by
 * itself, never one try too many.
 */
async function whatNext(
  services: ReleaseServices,
  lease: Lease,
  { reason, attempts, failing }: End,
): Promise<Next> {
  switch (reason.why) {
    case 'broken':
      // Our own failure is no attempt at the target, but it must not become a hot loop.
      return { attempts, retryInMs: reason.isCutOff ? CUT_OFF_RETRY_MS : BROKEN_RETRY_MS }
    case 'not_due':
      return { attempts, retryInMs: reason.dueInMs }
    case 'stop':
      await services.stop(lease, reason.reason)
      return { attempts, retryInMs: undefined }
    case 'retry': {
      const { retryAfterMs } = reason
      const failures = attempts + 1
      const schedule = { baseMs: services.retryBaseMs, chance: Math.random(), retryAfterMs }
      const retryInMs = retryDelayMs(failures, schedule)
      if (retryInMs !== undefined) return { attempts: failures, retryInMs }
      await services.stop(lease, `${failing} failed ${failures} times; no retries are left.`)
      // A start in between resets the attempts, and so does every later one.
      return { attempts: 0, retryInMs }
    }
    default:
      return { attempts, retryInMs: undefined }
  }
}

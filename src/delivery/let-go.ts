// The end of a run: the last step is written, the lease is given back, and what comes next is
// decided: a retry at a time, a stop of the integration, or nothing.

import { isBug, maySendAgain } from '../db/failure.ts'
import type { AdvanceJob } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import { whileAway } from '../db/while-away.ts'
import type { Logger } from '../logger.ts'
import { retryDelayMs } from './backoff.ts'
import { completeReplay, type Lease, releaseCursor, type Step } from './cursor.ts'

/** How long a cursor is left alone after a failure of ours, and after one of the connection. */
const BROKEN_RETRY_MS = 1_000
const CUT_OFF_RETRY_MS = 100
/** A lease is given back to a database that is away this often, as long as it lasts. */
const AWAY_PAUSE_MS = 250

/**
 * Why a run ends: told to (halted, draining), for the sake of others (gave_way), since it cannot be
 * sure of its lease (expired) or has lost it, since a replay is at its end, since the last file of
 * a stopped integration is closed, since the next file is not due yet, to try again later, or since
 * the target takes nothing more.
 */
export type Closing =
  | { why: 'halted' | 'draining' | 'gave_way' | 'expired' | 'lost' | 'at_end' }
  | { why: 'broken'; isCutOff: boolean }
  | { why: 'closed' }
  | { why: 'not_due'; dueInMs: number }
  | { why: 'retry'; retryAfterMs: number | undefined }
  | { why: 'stop'; reason: string }

/** Breaks a run off for a failure of ours, mostly the database's: let go, as far as it lets us. */
export function brokenOff(logger: Logger, lease: Lease, error: Error): Closing {
  const told = { ...lease, reason: error.message }
  if (isBug(error)) logger.error({ ...told, cause: error.stack }, 'run broken off')
  else logger.warn(told, 'run broken off')
  return { why: 'broken', isCutOff: maySendAgain(error) }
}

/** Whether the database may be away: a write that fails is not tried again at once. */
export function isAway(closing: Closing | undefined): boolean {
  return closing?.why === 'broken' || closing?.why === 'expired'
}

/** What says more about the stream is above what says less: a loss, a stop, a retry, the others. */
export function rankOf({ why }: Closing): number {
  return ['retry', 'stop', 'lost'].indexOf(why)
}

/**
 * What became of a run: `busy` (not leased to us), `retry` (in `retryInMs`), or it let go for
 * another reason and is to be woken if it is behind.
 */
export type RunResult = { kind: 'busy' | 'done' | 'lost' } | { kind: 'retry'; retryInMs: number }

export type LetGoServices = {
  /** Progress and reads. */
  db: Db
  /** What must not be lost: rejected events, the end of a replay. */
  durable: Db
  /** Stops the integration, with a reason for people. */
  stop(job: AdvanceJob, reason: string): Promise<void>
  leaseMs: number
  /** Whether the process is about to end, and cannot wait. */
  isDraining(): boolean
  retryBaseMs: number
  logger: Logger
}

/**
 * Ends a run. `attempts`: failures in a row before this run ended; `failing`: what is to be tried
 * again, in words; `stepOf` makes the last step.
 */
export async function letGo(
  services: LetGoServices,
  lease: Lease,
  end: {
    closing: Closing
    attempts: number
    failing: string
    stepOf: (attempts: number) => Step
  },
): Promise<RunResult> {
  const { closing } = end
  if (closing.why === 'lost') {
    services.logger.warn({ ...lease }, 'lease lost')
    return { kind: 'lost' }
  }
  let attempts = closing.why === 'retry' ? end.attempts + 1 : end.attempts
  let retryInMs = closing.why === 'retry' ? retryDelay(services, attempts, closing) : undefined
  // Our own failure is no attempt of the target's, but it must not become a hot loop.
  if (closing.why === 'broken') retryInMs = closing.isCutOff ? CUT_OFF_RETRY_MS : BROKEN_RETRY_MS
  if (closing.why === 'not_due') retryInMs = closing.dueInMs
  // Stopped before it is let go: a crash in between leaves a lease that ends by itself, never one
  // try too many.
  if (closing.why === 'stop') await services.stop(lease, closing.reason)
  if (closing.why === 'retry' && retryInMs === undefined) {
    await services.stop(lease, `${end.failing} failed ${attempts} times; no retries are left.`)
    // A start in between begins anew, and so does every later one.
    attempts = 0
  }
  // A stop closes the file that is open, once: it does not wait for a store that fails.
  const isClosed = ['closed', 'stop', 'retry'].includes(closing.why)
  const step = end.stepOf(attempts)
  const release = () => releaseCursor(services.db, lease, step, retryInMs, { isClosed })
  const until = performance.now() + services.leaseMs
  // A lease that is not given back when the database returns keeps everybody waiting for its end.
  const outcome = await whileAway(release, {
    pauseMs: () => AWAY_PAUSE_MS,
    mayWait: () => !services.isDraining() && performance.now() <= until,
  })
  if (outcome === 'lost') return { kind: 'lost' }
  // Not completed where an append was under way that may still belong to it: it is woken again.
  if (closing.why === 'at_end') await completeReplay(services.durable, lease)
  // Stopped meanwhile: there may be a file to close.
  if (retryInMs === undefined || outcome === 'stopped') return { kind: 'done' }
  return { kind: 'retry', retryInMs }
}

function retryDelay(
  { retryBaseMs }: LetGoServices,
  retry: number,
  { retryAfterMs }: { retryAfterMs: number | undefined },
): number | undefined {
  return retryDelayMs(retry, { baseMs: retryBaseMs, chance: Math.random(), retryAfterMs })
}

// Counts what a turn has settled since its last step, for the receipt.

import type { LoggedEvent } from '../log/event.ts'
import type { Leased, Step } from './cursor.ts'

const BUCKETS = 20

export type Progress = {
  /** Consecutive failures: every event that is settled resets them. */
  readonly attempts: number
  delivered(event: Pick<LoggedEvent, 'position'>, nowMs: number): void
  rejected(): void
  filtered(count: number): void
  /** Events settled since the last step. */
  count(): number
  /** The step up to here. */
  step(state: Pick<Step, 'readPosition' | 'unresolved' | 'attempts'>): Step
  /** The step is written: its counts are not counted again. */
  written(step: Step): void
}

/** Begins at the cursor's position at the lease. */
export function createProgress(
  leased: Pick<Leased, 'readPosition' | 'unresolved' | 'version' | 'attempts'>,
): Progress {
  let settledThrough = lowWaterMark(leased.readPosition, leased.unresolved)
  let { attempts } = leased
  const counts = noCounts()

  return {
    get attempts() {
      return attempts
    },
    delivered(event, nowMs) {
      attempts = 0
      counts.delivered++
      const bucket = latencyBucket(nowMs - event.position / 1000)
      counts.latencyHistogram[bucket] = (counts.latencyHistogram[bucket] ?? 0) + 1
    },
    rejected() {
      attempts = 0
      counts.rejected++
    },
    filtered(count) {
      counts.filtered += count
    },
    count: () => counts.delivered + counts.rejected + counts.filtered,
    step(state) {
      const toPosition = lowWaterMark(state.readPosition, state.unresolved)
      const { version } = leased
      const latencyHistogram = [...counts.latencyHistogram]
      const span = { fromPosition: settledThrough, toPosition }
      return { ...state, ...counts, latencyHistogram, version, ...span }
    },
    written(step) {
      settledThrough = step.toPosition
      counts.delivered -= step.delivered
      counts.rejected -= step.rejected
      counts.filtered -= step.filtered
      counts.latencyHistogram = counts.latencyHistogram.map(
        (count, bucket) => count - (step.latencyHistogram[bucket] ?? 0),
      )
    },
  }
}

/** Everything up to here is settled. */
function lowWaterMark(readPosition: number, [oldest]: number[]): number {
  return oldest === undefined ? readPosition : oldest - 1
}

/** 0 for up to 1 ms, 1 for up to 2, 2 for up to 4, …; the last bucket is everything slower. */
function latencyBucket(milliseconds: number): number {
  return Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log2(Math.max(1, milliseconds)))))
}

/** The longest time, in ms, that a bucket counts. */
export function bucketLimitMs(bucket: number): number {
  return 2 ** bucket
}

function noCounts() {
  return {
    delivered: 0,
    rejected: 0,
    filtered: 0,
    latencyHistogram: Array.from({ length: BUCKETS }, () => 0),
  }
}

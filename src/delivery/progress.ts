// Counts what a turn settles: totals that begin with the cursor's at the lease (see step.ts).

import type { LoggedEvent } from '../log/event.ts'
import type { Leased, Totals } from './cursor.ts'
import type { Step } from './step.ts'

const BUCKETS = 20

export type Progress = {
  /** Consecutive failures: every event that is settled resets them. */
  readonly attempts: number
  delivered(event: Pick<LoggedEvent, 'position'>, nowMs: number): void
  rejected(): void
  filtered(count: number): void
  /** Events settled since the last step that was answered. */
  count(): number
  /** Up to here. */
  totals(): Totals
  /** The step up to here. */
  step(state: Pick<Step, 'readPosition' | 'unresolved' | 'attempts'>): Step
  /** The step was answered. */
  written(step: Step): void
}

/** Begins with totals; its steps name `version`. */
export function createProgress({
  version,
  totals: begun,
  ...start
}: Pick<Leased, 'attempts' | 'totals'> & Pick<Step, 'version'>): Progress {
  let { attempts } = start
  let written = sumOf(begun)
  const totals = copyOf(begun)

  return {
    get attempts() {
      return attempts
    },
    delivered(event, nowMs) {
      attempts = 0
      totals.delivered++
      const bucket = latencyBucket(nowMs - event.position / 1000)
      totals.latencyHistogram[bucket] = (totals.latencyHistogram[bucket] ?? 0) + 1
    },
    rejected() {
      attempts = 0
      totals.rejected++
    },
    filtered(count) {
      totals.filtered += count
    },
    count: () => sumOf(totals) - written,
    totals: () => copyOf(totals),
    step: (state) => ({ ...state, version, totals: copyOf(totals) }),
    written(step) {
      written = sumOf(step.totals)
    },
  }
}

function sumOf({ delivered, rejected, filtered }: Totals): number {
  return delivered + rejected + filtered
}

function copyOf(totals: Totals): Totals {
  const latencyHistogram = Array.from(
    { length: BUCKETS },
    (_, bucket) => totals.latencyHistogram[bucket] ?? 0,
  )
  return { ...totals, latencyHistogram }
}

/** 0 for up to 1 ms, 1 for up to 2, 2 for up to 4, …; the last bucket is everything slower. */
function latencyBucket(milliseconds: number): number {
  return Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log2(Math.max(1, milliseconds)))))
}

/** The longest time, in ms, that a bucket counts. */
export function bucketLimitMs(bucket: number): number {
  return 2 ** bucket
}

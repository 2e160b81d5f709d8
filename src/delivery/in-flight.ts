// The limit of events in flight to one target: a congestion window. It starts at one, so that a
// dead target sees one event, and doubles with each success, like TCP's slow start (RFC 5681). A
// 429, or growing latency, lowers it: the target has a queue by then, and filling that delivers
// nothing sooner. Success raises it again, one at a time. Pure: no time, no network.

/**
 * Latency counts as grown at this multiple of the best one, and by more than a few milliseconds.
 */
const GROWN_TIMES = 3
const GROWN_MS = 50
const SHRINK = 0.8
/** Latency alone lowers the limit only to this part of the most: it may have grown by itself. */
const LEAST_PART = 0.25
/** The best latency is forgotten slowly, since a target may have moved. */
const FORGET = 1.01
/** The median of this many answers counts: a single slow answer means nothing. */
const SAMPLE = 16

export type InFlightLimit = {
  readonly current: number
  /** A success, after this long. */
  taken(latencyMs: number): void
  /** The target has said that it is overloaded. */
  throttled(): void
  /** Nothing is left to be sent: the next event goes alone. */
  rest(): void
}

/**
 * Limits with a memory of earlier turns of the same consumer: a throttled target is approached with
 * care again. In memory only: another worker learns it again.
 */
export function createInFlightLimits(): (consumer: string, most: number) => InFlightLimit {
  const thresholds = new Map<string, number>()
  return (consumer, most) =>
    createInFlightLimit(most, thresholds.get(consumer), (threshold) => {
      if (threshold < most) thresholds.set(consumer, threshold)
      else thresholds.delete(consumer)
    })
}

/**
 * A limit of at most `most` that doubles up to `threshold` and grows one by one beyond it;
 * `onMoved` gets the new threshold.
 */
export function createInFlightLimit(
  most: number,
  threshold = most,
  onMoved = (_threshold: number) => {},
): InFlightLimit {
  let current = 1
  let doublesTo = Math.min(threshold, most)
  let best = Number.POSITIVE_INFINITY
  let sinceRaise = 0
  let sample: number[] = []

  return {
    get current() {
      return current
    },
    taken(latencyMs) {
      sample.push(latencyMs)
      if (sample.length >= SAMPLE && hasGrown()) {
        current = Math.max(Math.ceil(most * LEAST_PART), Math.floor(current * SHRINK))
        moveTo(current)
      } else if (current < doublesTo) current = Math.min(current * 2, doublesTo)
      else if (current < most && ++sinceRaise >= current) {
        sinceRaise = 0
        current++
        moveTo(current)
      }
    },
    throttled() {
      moveTo(Math.max(1, Math.floor(current / 2)))
      current = 1
    },
    rest() {
      current = 1
    },
  }

  function moveTo(to: number): void {
    doublesTo = to
    onMoved(to)
  }

  function hasGrown(): boolean {
    const sorted = sample.sort((a, b) => a - b)
    const median = sorted[SAMPLE / 2] as number
    best = Math.min(best * FORGET, sorted[0] as number)
    sample = []
    return median > best * GROWN_TIMES && median > best + GROWN_MS
  }
}

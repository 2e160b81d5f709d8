// How many events may be in flight to one target at once. One until the target has taken one, so
// that a dead one sees one event; then twice as many with each, as TCP starts (RFC 5681). A target
// that says 429, or whose answers take longer and longer, gets fewer: it has a queue of its own by
// then, and filling that delivers nothing sooner. Success raises the limit again, one at a time.
// Pure: no time, no network.

/** What counts as longer: this many times the best, and not by a few milliseconds. */
const GROWN_TIMES = 3
const GROWN_MS = 50
const SHRINK = 0.8
/** Latency alone takes the limit down to this part of the most: it may have grown by itself. */
const LEAST_PART = 0.25
/** The best is forgotten slowly, since a target may have moved. */
const FORGET = 1.01
/** Answers whose median is looked at: a single slow answer says nothing. */
const SAMPLE = 16

export type InFlightLimit = {
  readonly current: number
  /** The target has taken one, after this long. */
  taken(latencyMs: number): void
  /** The target has said that it gets too many. */
  throttled(): void
  /** Nothing is left to be sent: the next event goes alone. */
  rest(): void
}

/**
 * Limits that know what earlier runs of the same consumer have learnt: a target that was throttled
 * is approached with care again. Kept in memory: another worker learns it anew.
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
 * `onMoved` is told where that is by now.
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

// The pace of replays: an even rate of events a second for all replays of a worker together, and
// for one that has a rate of its own. At full speed a replay would fill the cores, and double the
// p99 of live events.

export type Pace = {
  /** 0: send one now; it is counted. Otherwise the ms to wait before asking again. */
  take(): number
}

/** The burst after a pause, in seconds of the rate. */
const BURST_SECONDS = 0.002

/**
 * `isFull`: it begins with a burst. A turn of a replay begins without one, since turns that follow
 * each other must not exceed its rate. `clock` gives milliseconds.
 */
export function createPace(
  eventsPerSecond: number,
  { isFull = true, clock = () => performance.now() } = {},
): Pace {
  const most = Math.max(1, eventsPerSecond * BURST_SECONDS)
  let left = isFull ? most : 0
  let filledAt = clock()
  return {
    take() {
      const now = clock()
      left = Math.min(most, left + ((now - filledAt) / 1000) * eventsPerSecond)
      filledAt = now
      if (left < 1) return Math.ceil(((1 - left) / eventsPerSecond) * 1000)
      left--
      return 0
    },
  }
}

/** The slower of two paces. A token of `own` is kept until `shared` gives one, too. */
export function both(own: Pace, shared: Pace): Pace {
  let isHeld = false
  return {
    take() {
      const wait = isHeld ? 0 : own.take()
      if (wait > 0) return wait
      isHeld = true
      const sharedWait = shared.take()
      if (sharedWait === 0) isHeld = false
      return sharedWait
    },
  }
}

/** Asks the pace before each send. If it says no, `resume` is called once, at the right time. */
export function paced(pace: Pace, resume: () => void): () => boolean {
  let isWaiting = false
  return () => {
    const wait = pace.take()
    if (wait > 0 && !isWaiting) {
      isWaiting = true
      setTimeout(() => {
        isWaiting = false
        resume()
      }, wait)
    }
    return wait === 0
  }
}

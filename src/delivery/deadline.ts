// How long a worker may trust its lease, by two clocks and its presence. The steady clock stops
// while a machine is suspended, the wall clock can be set back, and a worker without a presence
// counts as dead. The earliest end of the three counts.

export type Deadline = {
  /** Restarts it, from a moment that now() gave before the lease was requested. */
  extend(from: Moment): void
  isOver(): boolean
}

type Moment = { wall: number; steady: number }

export function now(): Moment {
  return { wall: Date.now(), steady: performance.now() }
}

/**
 * A deadline `milliseconds` after `from`. `isPresent`: whether the session of the lease still
 * stands.
 */
export function createDeadline(
  from: Moment,
  milliseconds: number,
  isPresent: () => boolean,
): Deadline {
  let begin = from
  return {
    extend(moment) {
      begin = moment
    },
    isOver() {
      const { wall, steady } = now()
      const isLate = wall - begin.wall > milliseconds || steady - begin.steady > milliseconds
      return isLate || !isPresent()
    },
  }
}

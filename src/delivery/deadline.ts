// Until when a worker may be sure of its lease, by two clocks and its presence: the steady clock
// stands still while a machine is suspended, the wall clock can be set back, and a worker without a
// presence counts as dead. Over is what any of them says is over.

export type Deadline = {
  /** Begins anew, from a moment that now() gave before the lease was asked for. */
  extend(from: Moment): void
  isOver(): boolean
}

type Moment = { wall: number; steady: number }

export function now(): Moment {
  return { wall: Date.now(), steady: performance.now() }
}

/**
 * A deadline `milliseconds` after `from`. `isPresent`: whether the session stands under which the
 * lease was taken.
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

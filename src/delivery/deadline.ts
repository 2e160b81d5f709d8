// Until when a worker may be sure of its lease, by two clocks: the steady one stands still while a
// machine is suspended, the wall clock can be set back. Over is what either says is over.

export type Deadline = {
  /** Begins anew, from a moment that now() gave before the lease was asked for. */
  extend(from: Moment): void
  isOver(): boolean
}

export type Moment = { wall: number; steady: number }

export function now(): Moment {
  return { wall: Date.now(), steady: performance.now() }
}

/** A deadline `milliseconds` after `from`. */
export function createDeadline(from: Moment, milliseconds: number): Deadline {
  let begin = from
  return {
    extend(moment) {
      begin = moment
    },
    isOver() {
      const { wall, steady } = now()
      return wall - begin.wall > milliseconds || steady - begin.steady > milliseconds
    },
  }
}

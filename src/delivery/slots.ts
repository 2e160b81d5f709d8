// The slots of a worker for turns of one kind. If all are taken others may wait for one, so a turn
// that has had its time yields. Of the idle ones a few yield at a time: if all did at once, they
// would all come back at once.

/** One idle turn in so many yields at a time. */
const YIELDING_PART = 1 / 64

type Slots = {
  take(): TakenSlot
}

type TakenSlot = {
  mustYield(isIdle: boolean): boolean
  release(): void
}

export function createSlots(count: number): Slots {
  const mostYielding = Math.ceil(count * YIELDING_PART)
  let taken = 0
  let yielding = 0

  return {
    take() {
      let isYielding = false
      taken++
      return {
        mustYield(isIdle) {
          const isFull = taken >= count
          if (!isIdle) return isFull
          if (!isYielding && isFull && yielding < mostYielding) {
            isYielding = true
            yielding++
          }
          return isYielding
        },
        release() {
          taken--
          if (isYielding) yielding--
        },
      }
    },
  }
}

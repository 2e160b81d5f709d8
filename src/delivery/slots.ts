// The slots of a worker for turns of one kind. If all are taken, others may wait, so a turn yields
// after its time. Of idle turns only a few yield at a time: otherwise all of them would return at
// once.

/** The part of idle turns that yields at a time. */
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

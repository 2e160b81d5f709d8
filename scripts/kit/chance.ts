// Chance from a seed (mulberry32): the same seed gives the same numbers on every machine, so a day
// can be repeated.

export type Chance = {
  /** A whole number in [from, through]. */
  whole(from: number, through: number): number
  /** True in `share` of all cases; `share` is in [0, 1]. */
  happens(share: number): boolean
  pick<T>(list: readonly T[]): T
  /** `count` different items of the list; fewer if it is shorter. */
  sample<T>(list: readonly T[], count: number): T[]
  /** Looks like a random UUID; the seed determines it. */
  uuid(): string
}

/** Chance from `seed` on. */
export function createChance(seed: number): Chance {
  let state = seed | 0

  return {
    whole,
    happens: (share) => next() < share,
    pick: (list) => list[whole(0, list.length - 1)] as (typeof list)[number],
    sample(list, count) {
      const rest = [...list]
      const taken: typeof rest = []
      while (taken.length < count && rest.length > 0) {
        taken.push(...rest.splice(whole(0, rest.length - 1), 1))
      }
      return taken
    },
    uuid: () =>
      'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, (letter) =>
        (letter === 'x' ? whole(0, 15) : whole(8, 11)).toString(16),
      ),
  }

  function whole(from: number, through: number): number {
    return from + Math.floor(next() * (through - from + 1))
  }

  /** In [0, 1). */
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

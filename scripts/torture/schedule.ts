// The schedule of harm, a pure function of the seed. When the system feels a harm depends on the
// machine; the seed repeats the intent.

import { type Chance, createChance } from '../kit/chance.ts'

export type HarmKind = keyof typeof perMinute
export type Harm = {
  /** Milliseconds after the start. */
  at: number
  kind: HarmKind
  /** Chooses among processes, connections and the like. */
  pick: number
  /** Its duration, if it lasts. */
  lastsMs: number
}

/** How often each happens in a minute, and how long it lasts, in ms. */
const perMinute = {
  'kill work': { times: 5, lastsMs: [0, 0] },
  'kill serve': { times: 3, lastsMs: [0, 0] },
  'kill both workers': { times: 1, lastsMs: [0, 0] },
  // Some shorter than the lease, some longer.
  'freeze work': { times: 3, lastsMs: [300, 6_000] },
  'freeze serve': { times: 2, lastsMs: [300, 4_000] },
  'freeze a backend': { times: 2, lastsMs: [100, 1_200] },
  'crash the database': { times: 1.5, lastsMs: [0, 500] },
  'cut connections': { times: 2, lastsMs: [0, 0] },
  'stall connections': { times: 2, lastsMs: [300, 4_000] },
  'terminate backends': { times: 2, lastsMs: [0, 0] },
  'cancel statements': { times: 2, lastsMs: [300, 1_500] },
  'read-only spell': { times: 0.5, lastsMs: [300, 2_000] },
  failover: { times: 0.5, lastsMs: [300, 2_500] },
  'step the clock': { times: 1, lastsMs: [500, 3_000] },
  'make deaf': { times: 2, lastsMs: [2_000, 8_000] },
  'old snapshot': { times: 1, lastsMs: [3_000, 8_000] },
  'old day': { times: 1, lastsMs: [0, 0] },
  'restart work': { times: 1, lastsMs: [0, 0] },
  'stop and start': { times: 6, lastsMs: [50, 600] },
  'stop, update and start': { times: 2, lastsMs: [50, 500] },
  replay: { times: 8, lastsMs: [500, 4_000] },
  'replay beside': { times: 6, lastsMs: [200, 3_000] },
} as const

/**
 * Each whole minute begins with a storm. Then some harms come alone, so that their recovery time is
 * their own. Then there is calm, so that there is something to lose in the next storm.
 */
const DENSE_MS = 20_000
const ALONE: { at: number; kind: HarmKind }[] = [
  { at: 26_000, kind: 'kill work' },
  { at: 33_000, kind: 'crash the database' },
]
/** In alternation, since some need a new standby: a minute uses one of these lists. */
const BY_TURNS: { at: number; kind: HarmKind }[][] = [
  [
    { at: 38_000, kind: 'failover' },
    { at: 52_000, kind: 'step the clock' },
  ],
  [
    { at: 38_000, kind: 'read-only spell' },
    { at: 50_000, kind: 'step the clock' },
  ],
]

/** Between two harms of some kinds that come alone: creating a standby takes seconds. */
const BY_ITSELF_MS = 10_000

/** Harm begins this late, so that there is something to harm. */
const BEGIN_MS = 1_500

/** All harm of a run with only some kinds, in alternation: none disturbs another. */
export function scheduleByTurns(seed: number, seconds: number, kinds: HarmKind[]): Harm[] {
  const chance = createChance(seed)
  const count = kinds.length === 0 ? 0 : Math.floor((seconds * 1_000) / BY_ITSELF_MS)
  return Array.from({ length: count }, (_, turn) => {
    const kind = kinds[turn % kinds.length] as HarmKind
    const [shortest, longest] = perMinute[kind].lastsMs
    const lastsMs = chance.whole(shortest, longest)
    return { at: BEGIN_MS + turn * BY_ITSELF_MS, kind, pick: turn, lastsMs }
  })
}

/** All harm of a run, in order of time. */
export function scheduleHarm(seed: number, seconds: number): Harm[] {
  const chance = createChance(seed)
  const harm = Object.entries(perMinute).flatMap(([kind, { times, lastsMs }]) => {
    const exact = (times * seconds) / 60
    const count = Math.floor(exact) + (chance.happens(exact % 1) ? 1 : 0)
    const [shortest, longest] = lastsMs
    return Array.from({ length: count }, (_, index) => ({
      at: within(chance, index, count, seconds),
      kind: kind as HarmKind,
      pick: chance.whole(0, 999_999),
      lastsMs: chance.whole(shortest, longest),
    }))
  })
  const minutes = Array.from({ length: Math.floor(seconds / 60) }, (_, minute) => minute * 60_000)
  const alone = minutes.flatMap((from) =>
    [...ALONE, ...(BY_TURNS[(from / 60_000) % BY_TURNS.length] ?? [])].map(({ at, kind }) => ({
      at: from + at,
      kind,
      pick: chance.whole(0, 999_999),
      // The shortest: only the time to recover matters.
      lastsMs: perMinute[kind].lastsMs[0],
    })),
  )
  return [...harm, ...alone].sort((a, b) => a.at - b.at)
}

/** One in each of `count` equal parts of the dense time: spread out, yet random. */
function within(chance: Chance, index: number, count: number, seconds: number): number {
  const whole = Math.floor(seconds / 60)
  const dense = whole * DENSE_MS + (seconds % 60) * 1_000
  const part = (dense - BEGIN_MS) / count
  const at = Math.floor(BEGIN_MS + part * index + chance.whole(0, Math.floor(part)))
  const minute = Math.min(whole, Math.floor(at / DENSE_MS))
  return minute * 60_000 + (at - minute * DENSE_MS)
}

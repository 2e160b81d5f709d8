// The changing moods of a faulty target.

import type { Chance } from '../kit/chance.ts'

export type Phase<Mood> = {
  mood: Mood
  lastsMs: [number, number]
  slowMs?: [number, number]
}

/**
 * The mood at each moment: phases of random order and length. After each one it is `well` for a
 * while, as at the start.
 */
export function createMoods<Mood>(chance: Chance, phases: Phase<Mood>[]): () => Phase<Mood> {
  const [well] = phases as [Phase<Mood>]
  let phase = well
  let until = Date.now() + chance.whole(...phase.lastsMs)
  return () => {
    while (Date.now() > until) {
      phase = phase === well ? chance.pick(phases) : well
      until += chance.whole(...phase.lastsMs)
    }
    return phase
  }
}

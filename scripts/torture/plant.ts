// What a plant is: a change of text in a copy of the program, and the harm that meets it.

import type { HarmKind } from './schedule.ts'

export type Plant = {
  name: string
  /** What would go wrong in production. */
  harm: string
  /** Harm of these kinds only, each by itself; undefined: of all kinds. */
  only?: HarmKind[]
  changes: { file: string; find: string; put: string }[]
}

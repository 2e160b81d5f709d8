// A plant: a change of text in a copy of the program, and the harm that must reveal it.

import type { HarmKind } from './schedule.ts'

export type Plant = {
  name: string
  /** The damage in production. */
  harm: string
  /** Harm of these kinds only, each by itself; undefined: of all kinds. */
  only?: HarmKind[]
  changes: { file: string; find: string; put: string }[]
}

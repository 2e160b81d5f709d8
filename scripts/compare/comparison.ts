// The types of a comparison of two commits.

import type { Line } from '../bench/scenario.ts'
import type { Programs } from './side.ts'

export type Comparison = {
  name: string
  /** Measures both by turns, `rounds` times. `serverUrl`: a Postgres of this run alone. */
  run(programs: Programs, options: { serverUrl: string; rounds: number }): Promise<Line[]>
}

// The interface of a scenario, and its results. A figure counts only beside another one of the same
// run: machines are shared and noisy, ratios are not.

import { median } from '../kit/measure.ts'
import type { Stage } from './stage.ts'

/** One line of the table: a figure, and its comparison. */
export type Line = {
  /** "delivery, 5 ms, 64 in flight" */
  what: string
  figure: number
  unit: 'events/s' | 'ms' | 'µs/event' | 'MiB'
  /** A ceiling or a rival, measured in the same run; `ratio` is the median of the turns' ratios. */
  against?: { what: string; figure: number; ratio: number; runs?: number[] }
  /** The goal of the ratio, or of the figure without one: "≥ 0.85". */
  goal?: string
  /** The medians' runs, for the JSON. */
  runs: number[]
}

/** How much work a scenario does: all of it, or just enough to see that it still works. */
export type Size = 'full' | 'smoke'

export type Scenario = {
  /** Its name on the command line. */
  name: string
  /** Measures; throws if an event was lost or an entity's order was broken. */
  run(stage: Stage, size: Size): Promise<Line[]>
}

/**
 * A line of the medians of alternating measurements, and of the median of their ratios: the
 * machine's speed changes from turn to turn.
 */
export function compare(
  what: string,
  runs: number[],
  against: { what: string; runs: number[] },
  goal?: string,
): Line {
  const ratio = median(runs.map((figure, turn) => figure / (against.runs[turn] as number)))
  return {
    what,
    figure: median(runs),
    unit: 'events/s',
    against: { what: against.what, figure: median(against.runs), ratio, runs: against.runs },
    ...(goal === undefined ? {} : { goal }),
    runs,
  }
}

/** A line of a process's memory, without a comparison. */
export function memoryLine(what: string, figure: number): Line {
  return { what: `memory of ${what}`, figure, unit: 'MiB', runs: [figure] }
}

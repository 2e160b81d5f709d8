// What a turn takes in: rows of the log, read a page ahead, and from there into the window as far
// as it has room. The cursor counts as read what stands in the window, and nothing before that.

import { limits } from '../config.ts'
import type { LoggedEvent } from '../log/event.ts'
import type { PageRow } from '../log/read.ts'
import type { Step } from './cursor.ts'
import type { Progress } from './progress.ts'
import type { Reader } from './reader.ts'
import type { Window } from './window.ts'

/** The window is filled up with this many rows at once, or with as many as may be in flight. */
const FILL_ROWS = 50

export type Intake = {
  readonly reader: Reader
  readonly window: Window
  readonly progress: Progress
  /** Where the cursor stands: everything up to here is in the window or settled. */
  readPosition: number
}

/**
 * Moves rows from the reader into the window while it offers fewer than `wanted`. All of the window
 * is written down with every step, so it has bounds of its own.
 */
export function fill(intake: Intake, wanted: number): void {
  const { reader, window } = intake
  while (window.ready < wanted && window.bytes < limits.windowBytes) {
    const room = limits.windowEvents - window.size
    const rows = reader.take(Math.min(room, Math.max(FILL_ROWS, wanted)))
    const last = rows.at(-1)
    if (!last) return
    push(intake, rows)
    intake.readPosition = last.position
  }
}

/** Puts rows into the window, and counts those that the filter does not take. */
export function push({ window, progress }: Intake, rows: readonly PageRow[]): void {
  const taken = rows.filter((row): row is LoggedEvent => row.payload !== null)
  window.push(taken)
  progress.filtered(rows.length - taken.length)
}

/** Whether nothing is left to be sent, as far as is known. */
export function isEmpty({ window, reader }: Intake): boolean {
  return window.size === 0 && reader.isEmpty
}

/** The step up to here, for a cursor that has failed `attempts` times in a row. */
export function stepOf({ window, progress, readPosition }: Intake, attempts: number): Step {
  const unresolved = window.unresolved()
  return progress.step({ readPosition, unresolved, attempts })
}

// Moves rows from the reader, which is a page ahead, into the window as far as it has room. The
// cursor counts rows as read once they are in the window, and not before.

import { limits } from '../config.ts'
import type { LoggedEvent } from '../log/event.ts'
import type { PageRow } from '../log/read.ts'
import type { Progress } from './progress.ts'
import type { Reader } from './reader.ts'
import type { Step } from './step.ts'
import type { Window } from './window.ts'

/** The window is filled with this many rows at once, or with as many as may be in flight. */
const FILL_ROWS = 50

export type Intake = {
  readonly reader: Reader
  readonly window: Window
  readonly progress: Progress
  /** The cursor's position: everything up to here is in the window or settled. */
  readPosition: number
}

/**
 * Moves rows from the reader into the window while it offers fewer than `wanted`. The window has
 * its own bounds, since every step writes all of it.
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

/** The step up to here, for a cursor with `attempts` consecutive failures. */
export function stepOf({ window, progress, readPosition }: Intake, attempts: number): Step {
  const unresolved = window.unresolved()
  return progress.step({ readPosition, unresolved, attempts })
}

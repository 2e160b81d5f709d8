// A turn is one worker's time at a cursor: what it and its worker ask of each other.

/** A turn yields to others after this long, and ends after as long without an event. */
export const SLICE_MS = 5_000

/** How others reach into a turn. */
export type Turn = {
  /** New events may be there. */
  wake(): void
  /** Asks it to send nothing more and to release its lease. */
  requestHalt(why: 'halted' | 'draining' | 'expired'): void
  /** The same, without waiting for what is in flight: those events are sent again. */
  abandon(): void
}

/** The slot of a worker that a turn has. */
export type Slot = {
  /** Whether the turn must leave its slot to others. Few of the idle turns must at a time. */
  mustYield(isIdle: boolean): boolean
  /** Gets the turn as long as it holds the lease. */
  attach(turn: Turn): void
}

/**
 * What became of a turn. `busy`: it got no lease. `lost`: another worker has the lease by now.
 * `retry`: the cursor is due again in `retryInMs`. `done`: wake the cursor if it is behind.
 */
export type TurnResult = { kind: 'busy' | 'done' | 'lost' } | { kind: 'retry'; retryInMs: number }

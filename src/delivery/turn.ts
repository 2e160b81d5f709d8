// A turn is one worker's time at a cursor: the interface between it and its worker.

/** A turn yields to others after this long, and ends after as long without an event. */
export const SLICE_MS = 5_000

/** How others control a turn. */
export type Turn = {
  /** New events may be there. */
  wake(): void
  /** Asks it to send nothing more and to release its lease. */
  requestHalt(why: 'halted' | 'draining' | 'expired'): void
  /** The same, without waiting for events in flight: they are sent again. */
  abandon(): void
}

/** A turn's slot in its worker. */
export type Slot = {
  /** Whether the turn must leave its slot to others. Only a few idle turns must at a time. */
  mustYield(isIdle: boolean): boolean
  /** Registers the turn for as long as it holds the lease. */
  attach(turn: Turn): void
}

/**
 * The result of a turn. `busy`: it got no lease. `lost`: another worker has the lease by now.
 * `retry`: the cursor is due again in `retryInMs`. `idle`: it had read everything, as far as it
 * knew. `done`: wake the cursor if it is behind.
 */
export type TurnResult =
  | { kind: 'busy' | 'done' | 'idle' | 'lost' }
  | { kind: 'retry'; retryInMs: number }

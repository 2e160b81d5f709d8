// What a run is given, and how others reach into it.

import type { Destination } from '../destination/destination.ts'
import type { IntegrationDocument } from '../integration/integration.ts'
import type { InFlightLimit } from './in-flight.ts'
import type { LetGoServices } from './let-go.ts'
import type { Pace } from './pace.ts'
import type { ReadPage } from './shared-read.ts'

export type RunServices = LetGoServices & {
  destinationOf(tenant: string, document: IntegrationDocument): Destination
  /** How large a page may be at the moment, so that all runs together stay within bounds. */
  pageBytes(): number
  /** Pages of runs that follow the log, shared where they are the same. */
  readLive: ReadPage
  /** Of all replays together. */
  replayPace: Pace
  /** The in-flight limit of a consumer, by its key, of at most so many. */
  inFlightOf(consumer: string, most: number): InFlightLimit
  leaseMs: number
}

/** How others reach into a run. */
export type Run = {
  /** New events may be there. */
  wake(): void
  /** Send nothing more and let go. */
  close(why: 'halted' | 'draining'): void
  /** The same, without waiting for what is in flight: those events are sent again. */
  abandon(): void
}

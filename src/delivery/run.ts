// What a run is given, and how others reach into it.

import type { Db } from '../db/pool.ts'
import type { Presence } from '../db/presence.ts'
import type { Destination, FileStore } from '../destination/destination.ts'
import type { IntegrationDocument } from '../integration/integration.ts'
import type { LoggedEvent } from '../log/event.ts'
import type { LineReader } from './files/lines.ts'
import type { Planner } from './files/plan.ts'
import type { Gate } from './gate.ts'
import type { InFlightLimit } from './in-flight.ts'
import type { LetGoServices } from './let-go.ts'
import type { Pace } from './pace.ts'
import type { ReadPage } from './shared-read.ts'
import type { SendingTarget } from './target.ts'

/** A run gives way to others after this long, and ends after as long without an event. */
export const SLICE_MS = 5_000

export type RunServices = LetGoServices & {
  /** What leases are taken under: without it, none. */
  presence: Pick<Presence, 'session'>
  destinationOf(tenant: string, target: SendingTarget): Promise<Destination>
  /** How large a page may be at the moment, so that all runs together stay within bounds. */
  pageBytes(): number
  /** Closed by the run. */
  storeOf(tenant: string, document: IntegrationDocument): Promise<FileStore>
  /** Through it goes whoever writes a file, and through the other one after a failure. */
  fileGate: Gate
  failedFileGate: Gate
  linesOf: LineReader
  planOf: Planner
  /** When a file ends: so long after its first event, or before it has more bytes than that. */
  fileLimits: { windowMs: number; maxBytes: number }
  /** Pages of runs that follow the log, shared where they are the same. */
  readLive: ReadPage
  /** Of all replays together. */
  replayPace: Pace
  /** The in-flight limit of a consumer, by its key, of at most so many. */
  inFlightOf(consumer: string, most: number): InFlightLimit
  /** By consumer id: what makes tables of events. */
  projections: Record<string, Projection>
}

/** Both write within the transaction that they are given, which moves the cursor too. */
export type Projection = {
  apply(db: Db, tenant: string, events: LoggedEvent[]): Promise<void>
  /** Notes an event that cannot be applied, whatever is tried. */
  passOver(db: Db, tenant: string, event: LoggedEvent, reason: string): Promise<void>
}

/** How others reach into a run. */
export type Run = {
  /** New events may be there. */
  wake(): void
  /** Send nothing more and let go. */
  close(why: 'halted' | 'draining' | 'expired'): void
  /** The same, without waiting for what is in flight: those events are sent again. */
  abandon(): void
}

/** What a run is told of its place in a worker, and tells. */
export type RunPlace = {
  /** Whether it must leave its place to others. Of the idle ones a few are told so at a time. */
  givesWay(isIdle: boolean): boolean
  /** Is given the handle of the run while it holds the lease. */
  attach(run: Run): void
}

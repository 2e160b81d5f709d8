// The state of a turn that writes files, and the two ways to end one: a halt lets the file that is
// being written be written to its end, a cut gives it up.

import type { FileStore } from '../../destination/destination.ts'
import type { IntegrationDocument } from '../../integration/integration.ts'
import type { IntegrationConfiguration } from '../configuration.ts'
import type { Leased, Step } from '../cursor.ts'
import type { Ending } from '../ending.ts'
import type { Progress } from '../progress.ts'
import type { ReleaseServices } from '../release.ts'
import type { Semaphore } from '../semaphore.ts'
import type { LineReader } from './lines.ts'
import type { Plan, Planner } from './plan.ts'

export type ExportServices = ReleaseServices & {
  /** The store is closed by the turn. */
  storeOf(tenant: string, document: IntegrationDocument): Promise<FileStore>
  /** A turn passes the one to write a file, and the other one to try again after a failure. */
  fileSemaphore: Semaphore
  failedFileSemaphore: Semaphore
  linesOf: LineReader
  planOf: Planner
  /** A file ends this long after its first event, or before it has more bytes than that. */
  fileLimits: { windowMs: number; maxBytes: number }
}

export type ExportLease = Leased & { configuration: IntegrationConfiguration }

export type Exporting = {
  readonly services: ExportServices
  readonly leased: ExportLease
  readonly ending: Ending
  /** Aborted with the first reason to end. */
  readonly ended: AbortSignal
  /** Whether a request may leave: nothing was cut off, and the lease is surely held. */
  readonly maySend: () => boolean
  isCutOff: boolean
  store: FileStore | undefined
  progress: Progress
  readPosition: number
  /** A file that is planned while the one before it is written. */
  planned: { after: number; plan: Promise<Plan> } | undefined
  /** What is to be tried again, in words. */
  failing: string
}

/** Ends the turn after the file that is being written, but does not wait for a store that fails. */
export function halt(turn: Exporting): void {
  turn.ending.begin({ why: 'halted' })
  if (turn.progress.attempts > 0) cutOff(turn)
}

/** Gives up what is under way; the next turn writes it again. */
export function cutOff(turn: Exporting): void {
  turn.isCutOff = true
  turn.store?.halt()
}

/** Ends the turn at once: another worker has its lease. */
export function lose(turn: Exporting): void {
  turn.ending.begin({ why: 'lost' })
  cutOff(turn)
}

/** The store of the integration, opened with the first request. */
export async function storeOf(turn: Exporting): Promise<FileStore> {
  const { services, leased } = turn
  turn.store ??= await services.storeOf(leased.lease.tenant, leased.configuration.document)
  return turn.store
}

/** The step up to here, for a cursor that has failed `attempts` times in a row. */
export function stepOf({ progress, readPosition }: Exporting, attempts: number): Step {
  return progress.step({ readPosition, unresolved: [], attempts })
}

// The state of a turn that writes files, and the two ways to end it early: a halt lets the current
// file finish, a cut-off abandons it.

import type { FileStore } from '../../destination/destination.ts'
import type { IntegrationDocument } from '../../integration/integration.ts'
import type { IntegrationConfiguration } from '../configuration.ts'
import type { Leased } from '../cursor.ts'
import type { Ending } from '../ending.ts'
import type { Progress } from '../progress.ts'
import type { ReleaseServices } from '../release.ts'
import type { Semaphore } from '../semaphore.ts'
import type { Step } from '../step.ts'
import type { LineReader } from './lines.ts'
import type { Plan, Planner } from './plan.ts'

export type ExportServices = ReleaseServices & {
  /** The turn closes the store. */
  storeOf(tenant: string, document: IntegrationDocument): Promise<FileStore>
  /** A turn enters the first one to write a file, and the other one to retry after a failure. */
  fileSemaphore: Semaphore
  failedFileSemaphore: Semaphore
  linesOf: LineReader
  planOf: Planner
  /** A file ends this long after its first event, or before it exceeds these bytes. */
  fileLimits: { windowMs: number; maxBytes: number }
}

export type ExportLease = Leased & { configuration: IntegrationConfiguration }

export type Exporting = {
  readonly services: ExportServices
  readonly leased: ExportLease
  readonly ending: Ending
  /** Aborted with the first reason to end. */
  readonly ended: AbortSignal
  /** Whether a request may leave: nothing was cut off, and the lease is certainly held. */
  readonly maySend: () => boolean
  isCutOff: boolean
  store: FileStore | undefined
  progress: Progress
  readPosition: number
  /** A file that is planned while the one before it is written. */
  planned: { after: number; plan: Promise<Plan> } | undefined
  /** Names what is to be retried, for reasons. */
  failing: string
}

/** Ends the turn after the current file, but does not wait for a failing store. */
export function halt(turn: Exporting): void {
  turn.ending.begin({ why: 'halted' })
  if (turn.progress.attempts > 0) cutOff(turn)
}

/** Abandons the current file; the next turn writes it again. */
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

/** The step up to here, for a cursor with `attempts` consecutive failures. */
export function fileStepOf({ progress, readPosition }: Exporting, attempts: number): Step {
  return progress.step({ readPosition, unresolved: [], attempts })
}

// Writes one file: its semaphore, the upload, and the step that finishes its manifest and moves the
// cursor. It decides what the store's failures mean for the stream.

import type { FileFailure } from '../../destination/destination.ts'
import { recordAttempt } from '../attempt.ts'
import type { StepOutcome } from '../cursor.ts'
import { countDelivered, countTry } from '../metrics.ts'
import { createProgress } from '../progress.ts'
import type { Step } from '../step.ts'
import { type Exporting, lose, storeOf } from './exporting.ts'
import { type Content, unlessEmpty } from './lines.ts'
import { dropFile, finishFile, noteUpload, type OpenFile } from './manifest.ts'
import type { Plan } from './plan.ts'

/** Writes a file that is begun. Without a plan, an earlier turn has begun it. */
export async function writeFile(turn: Exporting, file: OpenFile, plan?: Plan): Promise<void> {
  const { fileSemaphore, failedFileSemaphore } = turn.services
  const semaphore = turn.progress.attempts === 0 ? fileSemaphore : failedFileSemaphore
  const leave = await semaphore.enter(turn.ended)
  // The file stays open if there is a reason to end by now.
  if (!leave) return
  try {
    if (!turn.ending.reason && (plan || (await isClear(turn, file)))) {
      await upload(turn, file, plan)
    }
  } finally {
    leave()
  }
}

/**
 * Aborts the uploads that an earlier turn has left at the store. If listing is not allowed, it goes
 * on.
 */
async function isClear(turn: Exporting, file: OpenFile): Promise<boolean> {
  const store = await storeOf(turn)
  const { uploadId } = file
  const failure = await store.discard(file.key, { uploadId, maySend: turn.maySend })
  if (failure?.kind === 'refused') {
    const { lease } = turn.leased
    turn.services.logger.warn({ ...lease, reason: failure.reason }, 'uploads not cleared')
    return true
  }
  if (failure) await conclude(turn, file, failure)
  return failure === undefined
}

async function upload(turn: Exporting, file: OpenFile, plan?: Plan): Promise<void> {
  const { durable, linesOf } = turn.services
  const { lease } = turn.leased
  const content: Content = { positions: [], filtered: 0 }
  const lines = await unlessEmpty(linesOf(lease, file, content, plan?.ends))
  // Retention has removed its events.
  if (!lines) return settle(turn, file, content, (end) => dropFile(durable, lease, file, end))
  const store = await storeOf(turn)
  const begun = performance.now()
  const outcome = await store.write(file.key, lines, {
    compression: file.compression,
    maySend: turn.maySend,
    async onBegun(uploadId) {
      if (!(await noteUpload(durable, lease, file, uploadId))) lose(turn)
    },
  })
  if (outcome.kind !== 'halted') countTry('s3', outcome.kind, performance.now() - begun)
  if (outcome.kind !== 'delivered') return conclude(turn, file, outcome)
  const { positions } = content
  const [firstPosition = 0] = positions
  const lastPosition = positions.at(-1) ?? 0
  const written = { ...outcome, events: positions.length, firstPosition, lastPosition }
  return settle(turn, file, content, (end) => finishFile(durable, lease, { file, written }, end))
}

/** Moves the cursor past a file, and finishes or drops the file. */
async function settle(
  turn: Exporting,
  file: OpenFile,
  { positions, filtered }: Content,
  move: (end: { step: Step; leaseMs: number }) => Promise<StepOutcome>,
): Promise<void> {
  const { services, leased, ending } = turn
  // Of its own: a file that is not finished counts nothing.
  const settled = createProgress({
    version: file.version,
    attempts: 0,
    totals: turn.progress.totals(),
  })
  const time = Date.now()
  for (const position of positions) settled.delivered({ position }, time)
  settled.filtered(filtered)
  const step = settled.step({ readPosition: file.toPosition, unresolved: [], attempts: 0 })
  const moved = await move({ leaseMs: services.leaseMs, step })
  if (moved === 'lost') return ending.begin({ why: 'lost' })
  for (const position of positions) countDelivered('s3', leased.lease.run, position)
  turn.readPosition = file.toPosition
  turn.progress = createProgress({ ...leased, attempts: 0, totals: step.totals })
  if (moved !== 'running' && leased.finishBy === null) ending.begin({ why: 'halted' })
}

/** The meaning of a failure for the stream. */
async function conclude(turn: Exporting, file: OpenFile, failure: FileFailure): Promise<void> {
  const { services, leased, progress, ending } = turn
  const { lease } = leased
  if (failure.kind === 'halted') return ending.begin({ why: 'expired' })
  turn.failing = `The file ${file.key}`
  const { response: _, ...logged } = failure
  services.logger.info({ ...lease, key: file.key, ...logged }, 'attempt failed')
  const failed = { eventPosition: file.firstPosition, attempt: progress.attempts + 1 }
  await recordAttempt(services.db, lease, failed, failure)
  if (failure.kind === 'unavailable') {
    return ending.begin({ why: 'retry', retryAfterMs: failure.retryAfterMs })
  }
  ending.begin({ why: 'stop', reason: `The store refused a file: ${failure.reason}.` })
}

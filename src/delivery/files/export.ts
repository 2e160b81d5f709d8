// Advancing a consumer that gets files. What a file collects stays in the log until it is due: 5
// minutes after its first event, or when the next event has no room in it, or when nothing more can
// come (a stop, the end of a replay). Until then nobody holds the lease; the cursor says when to
// look again. Why each event is in exactly one file, by crash point:
//   before the manifest: nothing has happened.
//   after it, in the upload, after the upload: the manifest is open; the next run aborts what the
//     store has of it and writes the same file under the same key.
//   the manifest is finished and the cursor is moved by one statement, which names the epoch.
// A frozen process sends nothing past its deadline; should a request of it be under way just then,
// it can only write the very same file.

import type { FileFailure, FileStore } from '../../destination/destination.ts'
import { filterOf } from '../../integration/integration.ts'
import { logHasPassed, readLogEnd } from '../../log/read.ts'
import { recordAttempt } from '../attempt.ts'
import type { Leased, Step, StepOutcome } from '../cursor.ts'
import type { Deadline } from '../deadline.ts'
import { holdLease } from '../hold.ts'
import { brokenOff, type Closing, letGo, type RunResult, rankOf } from '../let-go.ts'
import { createProgress } from '../progress.ts'
import { type RunPlace, type RunServices, SLICE_MS } from '../run.ts'
import type { IntegrationTarget } from '../target.ts'
import { type Content, unlessEmpty } from './lines.ts'
import {
  beginFile,
  databaseTime,
  dropFile,
  findOpenFile,
  finishFile,
  hasFinishedWithin,
  noteUpload,
  type OpenFile,
} from './manifest.ts'
import type { Plan } from './plan.ts'

/**
 * While a file is not due, the log is looked at for its size: this often in a window, within these
 * bounds, and at most this part of the time.
 */
const LOOKS = 60
const LOOK_MS = { least: 200, most: 5_000 }
const LOOK_PART = 0.02

/** Writes the files that are due, one after the other, and lets go. Like advance(). */
export async function exportFiles(
  services: RunServices,
  leased: Leased & { target: IntegrationTarget },
  deadline: Deadline,
  { givesWay, attach }: RunPlace,
): Promise<RunResult> {
  const { db, durable, leaseMs, fileLimits } = services
  const { lease, closesAt, stopPosition } = leased
  const { document } = leased.target
  const { tenant } = lease
  const filter = filterOf(document)
  const started = performance.now()
  let store: FileStore | undefined
  const openStore = async () => {
    store ??= await services.storeOf(tenant, document)
    return store
  }

  let closing: Closing | undefined
  let { attempts, readPosition } = leased
  let progress = createProgress(leased)
  let failing = 'The file'
  let planned: { after: number; plan: Promise<Plan> } | undefined
  let abandoned = false
  const closed = new AbortController()
  const hold = holdLease(db, lease, {
    leaseMs,
    deadline,
    onLost: () => {
      close({ why: 'lost' })
      cutOff()
    },
    // Of a closing run that is no news.
    onStopped: () => closesAt === null && halt(),
  })
  const mayGo = () => !abandoned && !hold.isOver()
  attach({
    // It looks at the log again after each file anyway.
    wake() {},
    close: (why) => (why === 'halted' ? halt() : close({ why })),
    abandon() {
      close({ why: 'draining' })
      cutOff()
    },
  })

  try {
    const open = await findOpenFile(durable, lease)
    if (open) await write(open)
    while (!closing) {
      const next = await nextFile()
      if (next) await write(next.file, next.plan)
      if (closesAt !== null) close({ why: 'closed' })
      if (performance.now() - started > SLICE_MS && givesWay(false)) close({ why: 'gave_way' })
    }
  } catch (error) {
    close(brokenOff(services.logger, lease, error as Error))
  }
  await hold.end()
  store?.close()
  return letGo(services, lease, {
    closing: closing as unknown as Closing,
    attempts,
    failing,
    stepOf,
  })

  function close(reason: Closing): void {
    if (!closing || rankOf(reason) > rankOf(closing)) closing = reason
    closed.abort()
  }

  /** A stop lets a file be written to its end, but does not wait for a store that fails. */
  function halt(): void {
    close({ why: 'halted' })
    if (attempts > 0) cutOff()
  }

  /** What is under way is given up; it is written again. */
  function cutOff(): void {
    abandoned = true
    store?.halt()
  }

  /** Begins the next file where one is due; otherwise there is a reason to close. */
  async function nextFile(): Promise<{ file: OpenFile; plan: Plan } | undefined> {
    const asked = performance.now()
    const plan = await planNext()
    const dueInMs = plan.first === null ? 0 : await dueIn(plan, plan.first)
    if (plan.first === null || dueInMs > 0) {
      // What the filter does not take is settled without a file.
      readPosition = plan.first === null ? plan.through : plan.first - 1
      progress.filtered(plan.leading)
      const looked = performance.now() - asked
      close(
        plan.first === null ? await idle() : { why: 'not_due', dueInMs: nextLook(dueInMs, looked) },
      )
      return undefined
    }
    const { version } = leased
    const compression = document.s3_parameters?.compression ?? null
    const file = await beginFile(durable, lease, {
      version,
      filter,
      compression,
      keyPrefix: document.s3_parameters?.key_prefix,
      fromPosition: readPosition,
      firstPosition: plan.first,
      toPosition: plan.through,
    })
    if (!file) close({ why: 'lost' })
    return file && { file, plan }
  }

  /** What the log holds from the cursor on; a full file is planned while another is written. */
  async function planNext(): Promise<Plan> {
    const early = planned?.after === readPosition ? await planned.plan : undefined
    const plan = early?.isFull ? early : await planFrom(readPosition)
    planned = undefined
    if (plan.isFull && closesAt === null) {
      planned = { after: plan.through, plan: planFrom(plan.through) }
      planned.plan.catch(() => {}) // whoever awaits it has it too
    }
    return plan
  }

  async function planFrom(after: number): Promise<Plan> {
    const newest = await readLogEnd(db)
    const through = Math.min(newest, stopPosition ?? newest, closesAt ?? newest)
    const { maxBytes } = fileLimits
    return services.planOf({ tenant, after, through, filter, maxBytes })
  }

  /** Nothing is there that a file could be made of. */
  async function idle(): Promise<Closing> {
    if (closesAt !== null) return { why: 'closed' }
    return { why: (await isAtEnd()) ? 'at_end' : 'gave_way' }
  }

  async function isAtEnd(): Promise<boolean> {
    return stopPosition !== null && logHasPassed(db, stopPosition)
  }

  async function dueIn(plan: Plan, first: number): Promise<number> {
    const { windowMs } = fileLimits
    if (plan.isFull || closesAt !== null || (await isAtEnd())) return 0
    const now = await databaseTime(db)
    // The clock was set back: a window of it is not waited for.
    if (first / 1000 > now + windowMs) {
      return (await hasFinishedWithin(db, lease, windowMs)) ? windowMs : 0
    }
    const end = Math.min(first / 1000 + windowMs, (stopPosition ?? Infinity) / 1000)
    return Math.max(0, end - now)
  }

  function nextLook(dueInMs: number, lookedMs: number): number {
    const often = Math.min(LOOK_MS.most, Math.max(LOOK_MS.least, fileLimits.windowMs / LOOKS))
    return Math.min(dueInMs, Math.max(often, lookedMs / LOOK_PART))
  }

  /** Aborts what an earlier run has left at the store; where it may not look, it goes on. */
  async function isClear(file: OpenFile): Promise<boolean> {
    const opened = await openStore()
    const failure = await opened.discard(file.key, { uploadId: file.uploadId, mayGo })
    if (failure?.kind === 'refused') {
      services.logger.warn({ ...lease, reason: failure.reason }, 'uploads not cleared')
      return true
    }
    if (failure) await conclude(file, failure)
    return failure === undefined
  }

  /** Without a plan it is one that an earlier run has begun. */
  async function write(file: OpenFile, plan?: Plan): Promise<void> {
    const { fileGate, failedFileGate } = services
    const leave = await (attempts === 0 ? fileGate : failedFileGate).enter(closed.signal)
    // What is begun stays open where there is a reason to let go by now.
    if (!leave) return
    try {
      if (!closing && (plan || (await isClear(file)))) await writeNow(file, plan)
    } finally {
      leave()
    }
  }

  async function writeNow(file: OpenFile, plan?: Plan): Promise<void> {
    const content: Content = { positions: [], filtered: 0 }
    const lines = await unlessEmpty(services.linesOf(tenant, file, content, plan?.ends))
    // Retention was here.
    if (!lines) return settle(file, content, (end) => dropFile(durable, lease, file, end))
    const opened = await openStore()
    const outcome = await opened.write(file.key, lines, {
      compression: file.compression,
      mayGo,
      async onBegun(uploadId) {
        if (await noteUpload(durable, lease, file, uploadId)) return
        close({ why: 'lost' })
        cutOff()
      },
    })
    if (outcome.kind !== 'delivered') return conclude(file, outcome)
    const { positions } = content
    const [firstPosition = 0] = positions
    const lastPosition = positions.at(-1) ?? 0
    const written = { ...outcome, events: positions.length, firstPosition, lastPosition }
    return settle(file, content, (end) => finishFile(durable, lease, file, written, end))
  }

  /** Moves the cursor past a file, with what becomes of the file. */
  async function settle(
    file: OpenFile,
    { positions, filtered }: Content,
    move: (end: { step: Step; leaseMs: number }) => Promise<StepOutcome>,
  ): Promise<void> {
    const settled = createProgress({ ...leased, readPosition, version: file.version })
    const time = Date.now()
    for (const position of positions) settled.delivered({ position }, time)
    settled.filtered(filtered)
    const step = settled.step({ readPosition: file.toPosition, unresolved: [], attempts: 0 })
    const moved = await move({ leaseMs, step })
    if (moved === 'lost') return close({ why: 'lost' })
    readPosition = file.toPosition
    progress = createProgress({ ...leased, readPosition })
    attempts = 0
    if (moved === 'stopped' && closesAt === null) close({ why: 'halted' })
  }

  /** What a failure means for the stream. */
  async function conclude(file: OpenFile, outcome: FileFailure): Promise<void> {
    if (outcome.kind === 'halted') return close({ why: 'expired' })
    failing = `The file ${file.key}`
    const { response: _, ...told } = outcome
    services.logger.info({ ...lease, key: file.key, ...told }, 'attempt failed')
    await recordAttempt(db, lease, file.firstPosition, attempts + 1, outcome)
    if (outcome.kind === 'unavailable') {
      return close({ why: 'retry', retryAfterMs: outcome.retryAfterMs })
    }
    close({ why: 'stop', reason: `The store refused a file: ${outcome.reason}.` })
  }

  function stepOf(attemptsSoFar: number): Step {
    return progress.step({ readPosition, unresolved: [], attempts: attemptsSoFar })
  }
}

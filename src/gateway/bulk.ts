// Publishes the lines of a bulk body, and answers each with a line, in order. While a part of the
// body is being committed, the next part is read; nothing more is. So memory is bounded, and the
// body comes as fast as it is stored, and as its client reads the answers. Positions have the order
// of the lines: a part leaves when the one before it is committed, and after a part that is not
// known to be committed none follows.

import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../config.ts'
import { MillraceError } from '../errors.ts'
import type { CheckedPublisher } from '../event-type/check.ts'
import type { NewEvent, Published } from '../log/event.ts'
import { bulkLines } from '../log/metrics.ts'
import { createSignal } from '../signal.ts'
import { appendInOrder } from './in-order.ts'
import { type BodyLine, createSplitter } from './split.ts'

/**
 * How long no line is read while a part leaves. The database takes a part in pieces of its socket's
 * buffer, and while lines are read it would wait for each piece: 0.80 of the bare append became
 * 0.87.
 */
const HAND_OVER_MS = 1

/** How a body ended. `broken`: not all of it is answered; `gone`: its client has left. */
type BulkEnd = 'complete' | 'broken' | 'gone'

export type BulkServices = {
  publisher: CheckedPublisher
  tenant: string
  /** The event of a line, which the caller may publish. Throws a MillraceError otherwise. */
  eventOf(line: BodyLine): NewEvent
  mostLineBytes: number
  /** Takes the right to publish one more line; how long to wait for it, in ms, 0 if it is taken. */
  take(): number
  /** Rejects if the caller may not publish any more. Asked before each part. */
  authorize(): Promise<unknown>
  /** The error that a client may see; logs the rest. */
  explain(error: unknown): MillraceError
  textOf(published: Published): string
  /** How long it may go without a line, or an answer that leaves, in ms. */
  stillMs: number
  /** Aborted when the process stops. */
  stopping: AbortSignal
}

/** A line that was read: its event, or why it is refused. */
type Entry = { event: NewEvent } | { refusal: MillraceError }

/** The state of a body. */
type Bulk = BulkServices & {
  body: Readable
  answer: Writable
  splitter: ReturnType<typeof createSplitter>
  /** The next part. */
  part: Entry[]
  partBytes: number
  /** A line that waits for the right to be published, and until when. */
  held: BodyLine | undefined
  heldUntil: number
  hasEnded: boolean
  /** Each of its lines was taken. */
  isAllRead: boolean
  isGone: boolean
  isPublishing: boolean
  isBroken: boolean
  lastProgressAt: number
}

/** Publishes a body's lines into `answer`, and leaves both open. Never rejects for a line. */
export async function publishLines(
  body: Readable,
  answer: Writable,
  services: BulkServices,
): Promise<BulkEnd> {
  const signal = createSignal()
  const bulk: Bulk = {
    ...services,
    body,
    answer,
    splitter: createSplitter(services.mostLineBytes),
    part: [],
    partBytes: 0,
    held: undefined,
    heldUntil: 0,
    hasEnded: false,
    isAllRead: false,
    isGone: false,
    isPublishing: false,
    isBroken: false,
    lastProgressAt: performance.now(),
  }
  const unlisten = listen(bulk, signal.raise)
  try {
    for (;;) {
      if (mayGoOn(bulk) && read(bulk)) signal.raise()
      if (bulk.isGone) return 'gone'
      if (mayGoOn(bulk) && mayPublish(bulk)) {
        bulk.isPublishing = true
        void publishPart(bulk).finally(() => {
          bulk.isPublishing = false
          signal.raise()
        })
        // While it is being published, the next part is read.
        signal.raise()
        await sleep(HAND_OVER_MS)
      }
      const end = endOf(bulk)
      if (end) return end
      await signal.raisedOrAfter(Math.max(1, waitOf(bulk)))
    }
  } finally {
    unlisten()
  }
}

function listen(bulk: Bulk, raise: () => void): () => void {
  const { body, answer, stopping } = bulk
  const onEnd = () => {
    bulk.hasEnded = true
    raise()
  }
  const onGone = () => {
    bulk.isGone ||= !bulk.hasEnded || answer.destroyed
    raise()
  }
  const onDrain = () => {
    bulk.lastProgressAt = performance.now()
    raise()
  }
  body.on('readable', raise).on('end', onEnd).on('error', onGone).on('close', onGone)
  answer.on('drain', onDrain).on('close', onGone)
  stopping.addEventListener('abort', raise)
  return () => {
    body.off('readable', raise).off('end', onEnd).off('close', onGone)
    answer.off('drain', onDrain).off('close', onGone)
    stopping.removeEventListener('abort', raise)
  }
}

/** Reads at most one chunk into the next part; returns whether there may be more at once. */
function read(bulk: Bulk): boolean {
  const { body, splitter, tenant, publisher } = bulk
  const most = publisher.mostTogether(tenant)
  let hasChunk = false
  while (hasRoom(bulk, most)) {
    const line = bulk.held ?? splitter.next()
    if (line === undefined) {
      const chunk: Buffer | null = hasChunk || bulk.hasEnded ? null : body.read()
      if (chunk !== null) {
        splitter.add(chunk)
        hasChunk = true
      } else if (!bulk.hasEnded) return hasChunk
      else if (!splitter.end()) {
        bulk.isAllRead = true
        return false
      }
    } else if (!take(bulk, line)) return false
  }
  return false
}

/** Takes a line into the next part, unless it must wait. */
function take(bulk: Bulk, line: BodyLine): boolean {
  const waitMs = bulk.take()
  bulk.held = waitMs > 0 ? line : undefined
  bulk.heldUntil = performance.now() + waitMs
  bulk.lastProgressAt = performance.now()
  if (waitMs > 0) return false
  bulk.part.push(entryOf(bulk, line))
  bulk.partBytes += line.length
  return true
}

function entryOf({ eventOf }: Bulk, line: BodyLine): Entry {
  try {
    return { event: eventOf(line) }
  } catch (error) {
    if (error instanceof MillraceError) return { refusal: error }
    throw error
  }
}

function mayGoOn({ stopping, isBroken }: Bulk): boolean {
  return !stopping.aborted && !isBroken
}

/** Not while the answers so far wait for a client that does not read them. */
function mayPublish({ part, isPublishing, answer }: Bulk): boolean {
  return part.length > 0 && !isPublishing && answer.writableLength < limits.bulkAnswersBytes
}

function endOf(bulk: Bulk): BulkEnd | undefined {
  if (bulk.isPublishing) return undefined
  if (!mayGoOn(bulk) || waitOf(bulk) <= 0) return 'broken'
  return bulk.isAllRead && bulk.part.length === 0 ? 'complete' : undefined
}

/** How long to wait for anything, in ms; 0: too long already. */
function waitOf(bulk: Bulk): number {
  const { held, heldUntil, isPublishing, lastProgressAt, stillMs, publisher, tenant } = bulk
  // Without room for it, the line waits for a client that reads its answers.
  if (held !== undefined && hasRoom(bulk, publisher.mostTogether(tenant))) {
    return Math.max(1, heldUntil - performance.now())
  }
  if (isPublishing) return stillMs
  return lastProgressAt + stillMs - performance.now()
}

/** Whether the next part takes one more line. */
function hasRoom({ part, partBytes }: Bulk, most: { events: number; bytes: number }): boolean {
  return part.length < most.events && partBytes < most.bytes
}

/** Publishes the part, and writes its answers. Never rejects: what fails breaks the body off. */
async function publishPart(bulk: Bulk): Promise<void> {
  const { part, publisher, answer } = bulk
  bulk.part = []
  bulk.partBytes = 0
  const events = part.flatMap((entry) => ('event' in entry ? [entry.event] : []))
  const outcomes: (Published | MillraceError)[] = []
  let failure: unknown
  try {
    await bulk.authorize()
    failure = await appendInOrder(publisher, events, outcomes)
  } catch (error) {
    failure = error
  }
  const lines: string[] = []
  let next = 0
  for (const entry of part) {
    const outcome = 'event' in entry ? outcomes[next++] : entry.refusal
    if (outcome === undefined) break
    lines.push(outcome instanceof MillraceError ? errorText(outcome) : bulk.textOf(outcome))
    bulkLines.add(1, outcome instanceof MillraceError ? 'refused' : outcome.outcome)
  }
  if (failure !== undefined) {
    // For the first line without an answer: it, and those after it, are to be sent again.
    lines.push(errorText(bulk.explain(failure)))
    bulk.isBroken = true
  }
  bulk.lastProgressAt = performance.now()
  if (!answer.destroyed) answer.write(lines.join(''))
}

/** The answer to a line that is refused. */
export function errorText({ code, message, details }: MillraceError): string {
  return `${JSON.stringify({ error: { code, message, details } })}\n`
}

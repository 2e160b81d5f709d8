// Advancing one consumer: the heart of delivery. A run takes the lease of a cursor, reads pages of the log into a window,
// sends what the window offers, and writes progress every 250 ms or 200 events. Why nothing is lost, by crash point:
//   before the send:                  the event is above read_position or in `unresolved`, and is sent by the next run.
//   after the send, before the step:  the same; the target sees it twice (at least once).
//   after a 400, before it is kept:   the same; it is kept once, since its position is unique among rejected events.
//   in the middle of a step:          a step is one statement.
// A frozen process wakes up past its deadline: it sends nothing more, and its writes name an epoch that is not the
// cursor's any more. A failure that is to be retried closes the line: what is in flight finishes, the cursor keeps the
// count and the time, and the next run sends the oldest unsettled event alone before anything else.

import { randomUUID } from 'node:crypto'
import { limits } from '../config.ts'
import type { AdvanceJob } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import type { Destination, Outcome } from '../destination/destination.ts'
import type { IntegrationDocument } from '../integration/integration.ts'
import { filterOf } from '../integration/integration.ts'
import type { LoggedEvent } from '../log/event.ts'
import { timeOf } from '../log/position.ts'
import { type PageRow, readEvents, readPage } from '../log/read.ts'
import type { Logger } from '../logger.ts'
import { recordAttempt } from './attempt.ts'
import { retryDelayMs } from './backoff.ts'
import { type Leased, moveCursor, releaseCursor, type Step, takeLease } from './cursor.ts'
import { createProgress } from './progress.ts'
import { keepRejected } from './rejected.ts'
import { createWindow } from './window.ts'

const STEP_MS = 250
const STEP_EVENTS = 200
/** A run gives way to others after this long, and waits for new events this long, where others want its place. */
const SLICE_MS = 5_000
/** A run that waits for new events looks by itself this often, in case a notification was lost. */
const LOOK_MS = 1_000
/** The part of a lease after which nothing is sent any more: clocks run at different speeds. */
const SAFE_PART = 0.8

export type RunServices = {
  /** Progress and reads. */
  db: Db
  /** What must not be lost: rejected events. */
  durable: Db
  destinationOf(tenant: string, document: IntegrationDocument): Destination
  /** Stops the integration, with a reason for people. */
  stop(job: AdvanceJob, reason: string): Promise<void>
  leaseMs: number
  retryBaseMs: number
  logger: Logger
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

/**
 * What became of a run: `busy` (not leased to us), `retry` (in `retryInMs`), or it let go for another reason and is to be
 * woken if it is behind.
 */
export type RunResult = { kind: 'busy' | 'done' | 'lost' } | { kind: 'retry'; retryInMs: number }

type Closing =
  | { why: 'halted' | 'draining' | 'gave_way' | 'expired' | 'lost' }
  | { why: 'retry'; retryAfterMs: number | undefined }
  | { why: 'stop'; reason: string }

/**
 * Advances the cursor of `job` until there is nothing to do, its time is over, or it is told to close. `isCrowded` says
 * whether others wait for a place. `attach` is given the handle of the run while it holds the lease.
 */
export async function advance(
  services: RunServices,
  job: AdvanceJob,
  options: { isCrowded: () => boolean; attach: (run: Run) => void },
): Promise<RunResult> {
  const asked = performance.now()
  const leased = await takeLease(services.db, job, randomUUID(), services.leaseMs)
  if (!leased) return { kind: 'busy' }
  return runLease(services, leased, asked, options)
}

async function runLease(
  services: RunServices,
  leased: Leased,
  asked: number,
  { isCrowded, attach }: { isCrowded: () => boolean; attach: (run: Run) => void },
): Promise<RunResult> {
  const { db, leaseMs } = services
  const { lease } = leased
  const { tenant } = lease
  const filter = filterOf(leased.document)
  const destination = services.destinationOf(tenant, leased.document)
  const window = createWindow()
  const progress = createProgress(leased)
  const started = performance.now()

  let closing: Closing | undefined
  let attempts = leased.attempts
  let readPosition = leased.readPosition
  // Slow start: one in flight until the target has taken one, then twice as many each time. A dead target sees one event.
  let inFlightLimit = 1
  let deadline = asked + leaseMs * SAFE_PART
  let mayHaveMore = true
  let reading = false
  let stepping = false
  let lastStep = started
  let emptySince: number | undefined
  /** Rejected events and records of attempts are written one after the other, and before the lease is let go. */
  let writes: Promise<unknown> = Promise.resolve()
  let abandoned = false
  let ring = () => {}

  attach({
    wake() {
      mayHaveMore = true
      ring()
    },
    close(why) {
      close({ why })
    },
    abandon() {
      abandoned = true
      close({ why: 'draining' })
    },
  })

  window.push(await readEvents(db, tenant, leased.unresolved))
  for (;;) {
    const rung = new Promise<void>((resolve) => {
      ring = resolve
    })
    read()
    send()
    step()
    const isEmpty = window.size === 0 && !mayHaveMore && !reading
    emptySince = isEmpty ? (emptySince ?? performance.now()) : undefined
    if (isEmpty) inFlightLimit = 1
    if (isOver()) close({ why: 'gave_way' })
    if (closing?.why === 'lost' || abandoned) break
    if (closing && window.inFlight === 0 && !reading && !stepping) break
    await orAfter(rung, isEmpty ? LOOK_MS : STEP_MS)
    if (isEmpty) mayHaveMore = true
  }
  return letGo(closing as Closing)

  /** The first reason to close counts, but for the loss of the lease, which is above all. */
  function close(reason: Closing): void {
    if (!closing || reason.why === 'lost') closing = reason
    ring()
  }

  function isOver(): boolean {
    const now = performance.now()
    if (emptySince !== undefined && (isCrowded() || now - emptySince > SLICE_MS)) return true
    return now - started > SLICE_MS && isCrowded()
  }

  function read(): void {
    const hasRoom = window.size <= limits.windowEvents / 2 && window.bytes < limits.windowBytes
    if (closing || reading || !mayHaveMore || !hasRoom) return
    reading = true
    mayHaveMore = false
    readPage(db, {
      tenant,
      after: readPosition,
      through: (Date.now() + 86_400_000) * 1000,
      maxEvents: limits.windowEvents - window.size,
      maxBytes: limits.windowBytes - window.bytes,
      filter,
    })
      .then(take, (error: Error) => broken(error))
      .finally(() => {
        reading = false
        ring()
      })
  }

  function take(rows: PageRow[]): void {
    const last = rows.at(-1)
    if (!last) return
    const taken = rows.filter((row): row is LoggedEvent => row.payload !== null)
    window.push(taken)
    readPosition = last.position
    progress.filtered(rows.length - taken.length)
    mayHaveMore = true
    send()
  }

  function send(): void {
    while (!closing && window.inFlight < inFlightLimit) {
      // Others may hold the lease by now. Letting go is safe: that write is theirs to refuse.
      if (performance.now() > deadline) {
        close({ why: 'expired' })
        return
      }
      const event = window.next()
      if (!event) return
      const outgoing = { ...event, tenant, publishedAt: timeOf(event.position) }
      destination
        .send(outgoing)
        .then((outcome) => conclude(event, outcome))
        .catch((error: Error) => {
          window.giveBack(event)
          broken(error)
        })
        .finally(() => {
          send()
          if (closing || progress.count() >= STEP_EVENTS || window.size === 0) ring()
        })
    }
  }

  /** The only place that decides what an outcome means for the stream. */
  async function conclude(event: LoggedEvent, outcome: Outcome): Promise<void> {
    if (outcome.kind !== 'delivered') record(event, outcome)
    switch (outcome.kind) {
      case 'delivered':
        window.settle(event)
        progress.delivered(event, Date.now())
        return succeed()
      case 'rejected':
        return reject(event, outcome)
      case 'refused':
        window.giveBack(event)
        return close({ why: 'stop', reason: `The target refused an event: ${outcome.reason}.` })
      case 'unavailable':
        window.giveBack(event)
        return close({ why: 'retry', retryAfterMs: outcome.retryAfterMs })
    }
  }

  function succeed(): void {
    attempts = 0
    inFlightLimit = Math.min(inFlightLimit * 2, limits.maxInFlight)
  }

  /** The limit of kept events is exact since they are kept one after the other. */
  async function reject(event: LoggedEvent, answer: { status: number; response: string }) {
    const keeping = writes.then(() => keepRejected(services.durable, lease, event, answer))
    writes = keeping.catch(() => {})
    const outcome = await keeping
    if (outcome === 'lost' || outcome === 'no_room') window.giveBack(event)
    else {
      window.settle(event)
      progress.rejected()
      succeed()
    }
    if (outcome === 'lost') close({ why: 'lost' })
    if (outcome === 'last' || outcome === 'no_room') {
      const reason = `The limit of ${limits.rejectedEvents} rejected events is reached.`
      close({ why: 'stop', reason })
    }
  }

  function record(event: LoggedEvent, outcome: Exclude<Outcome, { kind: 'delivered' }>): void {
    const { response: _, ...told } = outcome
    services.logger.info({ ...lease, position: event.position, ...told }, 'attempt failed')
    const attempt = attempts + 1
    writes = writes
      .then(() => recordAttempt(db, lease, event.position, attempt, outcome))
      .catch(broken)
  }

  /** The database failed us: let go, as far as it lets us; the sweep goes on. */
  function broken(error: Error): void {
    services.logger.warn({ ...lease, reason: error.message }, 'run broken off')
    close({ why: 'gave_way' })
  }

  function step(): void {
    // Goes on while what is in flight finishes: the lease must not end before that.
    if (stepping || closing?.why === 'lost') return
    const now = performance.now()
    const isDue = progress.count() > 0 && now - lastStep >= STEP_MS
    const isRenewal = now - lastStep >= leaseMs / 4
    if (!isDue && !isRenewal && progress.count() < STEP_EVENTS) return
    stepping = true
    lastStep = now
    moveCursor(db, lease, nextStep(), leaseMs)
      .then((outcome) => {
        if (outcome === 'lost') close({ why: 'lost' })
        else deadline = now + leaseMs * SAFE_PART
        if (outcome === 'stopped') close({ why: 'halted' })
      }, broken)
      .finally(() => {
        stepping = false
        ring()
      })
  }

  function nextStep(): Step {
    return progress.step({ readPosition, unresolved: window.unresolved(), attempts })
  }

  async function letGo(reason: Closing): Promise<RunResult> {
    await writes
    if (reason.why === 'lost') {
      services.logger.warn({ ...lease }, 'lease lost')
      return { kind: 'lost' }
    }
    let retryInMs: number | undefined
    if (reason.why === 'retry') {
      attempts++
      const { retryAfterMs } = reason
      const options = { baseMs: services.retryBaseMs, chance: Math.random(), retryAfterMs }
      retryInMs = retryDelayMs(attempts, options)
      if (retryInMs === undefined) {
        const tries = `The event at position ${window.unresolved()[0]} failed ${attempts} times`
        await services.stop(lease, `${tries}; no retries are left.`)
      }
    }
    if (reason.why === 'stop') await services.stop(lease, reason.reason)
    const outcome = await releaseCursor(db, lease, nextStep(), retryInMs)
    if (outcome === 'lost') return { kind: 'lost' }
    return retryInMs === undefined ? { kind: 'done' } : { kind: 'retry', retryInMs }
  }
}

async function orAfter(rung: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([rung, timeout])
  clearTimeout(timer)
}

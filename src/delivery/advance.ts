// Advancing one consumer: the heart of delivery. A run takes the lease of a cursor, reads pages of
// the log into a window, sends what the window offers, and writes progress every 250 ms or 200
// events. Why nothing is lost, by crash point:
//   before the send: the event is above read_position or in `unresolved`; the next run sends it.
//   after the send, before the step: the same; the target sees it twice (at least once).
//   after a 400, before it is kept: the same; it is kept once, its position being unique there.
//   in the middle of a step: a step is one statement.
// A frozen process wakes up past its deadline: it sends nothing more, and its writes name an epoch
// that is not the cursor's any more. A failure that is to be retried closes the line: what is in
// flight finishes, the cursor keeps the count and the time, and the next run sends the oldest
// unsettled event alone before anything else.

import { randomUUID } from 'node:crypto'
import { limits } from '../config.ts'
import type { AdvanceJob } from '../db/jobs.ts'
import type { Destination, Outcome } from '../destination/destination.ts'
import { filterOf, type IntegrationDocument } from '../integration/integration.ts'
import type { LoggedEvent } from '../log/event.ts'
import { timeOf } from '../log/position.ts'
import { type PageRow, readEvents, readPage } from '../log/read.ts'
import { recordAttempt } from './attempt.ts'
import { createBell } from './bell.ts'
import { type Leased, moveCursor, type Step, takeLease } from './cursor.ts'
import { createDeadline, type Moment, now } from './deadline.ts'
import { type Closing, type LetGoServices, letGo, type RunResult, rankOf } from './let-go.ts'
import { type Pace, paced } from './pace.ts'
import { createProgress } from './progress.ts'
import { keepRejected } from './rejected.ts'
import { createWindow } from './window.ts'

const DAY_MS = 86_400_000
const STEP_MS = 250
const STEP_EVENTS = 200
/**
 * A run gives way to others after this long, and waits for new events this long, where others want
 * its place.
 */
const SLICE_MS = 5_000
/** A run that waits for new events looks by itself this often, in case a notification was lost. */
const LOOK_MS = 1_000
/** The part of a lease after which nothing is sent any more: clocks run at different speeds. */
const SAFE_PART = 0.8

export type RunServices = LetGoServices & {
  destinationOf(tenant: string, document: IntegrationDocument): Destination
  /** Of all replays together. */
  replayPace: Pace
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

/**
 * Advances the cursor of `job` until there is nothing to do, its time is over, or it is told to
 * close. `isCrowded` says whether others wait for a place. `attach` is given the handle of the run
 * while it holds the lease.
 */
export async function advance(
  services: RunServices,
  job: AdvanceJob,
  options: { isCrowded: () => boolean; attach: (run: Run) => void },
): Promise<RunResult> {
  const asked = now()
  const leased = await takeLease(services.db, job, randomUUID(), services.leaseMs)
  if (!leased) return { kind: 'busy' }
  return runLease(services, leased, asked, options)
}

async function runLease(
  services: RunServices,
  leased: Leased,
  asked: Moment,
  { isCrowded, attach }: { isCrowded: () => boolean; attach: (run: Run) => void },
): Promise<RunResult> {
  const { db, leaseMs } = services
  const { lease, stopPosition } = leased
  const maxInFlight = leased.document.delivery?.max_in_flight ?? limits.maxInFlight
  const { tenant } = lease
  const filter = filterOf(leased.document)
  const destination = services.destinationOf(tenant, leased.document)
  const window = createWindow()
  const progress = createProgress(leased)
  const started = performance.now()

  let closing: Closing | undefined
  let attempts = leased.attempts
  let readPosition = leased.readPosition
  // Slow start: one in flight until the target has taken one, then twice as many each time. A dead
  // target sees one event.
  let inFlightLimit = 1
  const deadline = createDeadline(asked, leaseMs * SAFE_PART)
  let mayHaveMore = true
  let reading = false
  let stepping = false
  let lastStep = started
  let lastBusy = started
  /**
   * Rejected events and records of attempts are written one after the other, and before the lease
   * is let go.
   */
  let writes: Promise<unknown> = Promise.resolve()
  let abandoned = false
  const mayGo = stopPosition === null ? () => true : paced(services.replayPace, send)
  const { ring, rungOrAfter } = createBell()

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

  // Those that retention has removed meanwhile are missing; the integration's log tells of them.
  window.push(await readEvents(db, tenant, leased.unresolved))
  for (;;) {
    read()
    send()
    step()
    const isEmpty = window.size === 0 && !mayHaveMore && !reading
    if (window.size > 0) lastBusy = performance.now()
    if (isEmpty) inFlightLimit = 1
    if (isEmpty && stopPosition !== null && Date.now() * 1000 > stopPosition) {
      close({ why: 'at_end' })
    }
    if (isOver(isEmpty)) close({ why: 'gave_way' })
    if (closing?.why === 'lost' || abandoned) break
    if (closing && window.inFlight === 0 && !reading && !stepping) break
    await rungOrAfter(isEmpty ? LOOK_MS : STEP_MS)
    if (isEmpty) mayHaveMore = true
  }
  await writes
  const oldest = window.unresolved()[0]
  return letGo(services, lease, { closing: closing as Closing, attempts, oldest, stepOf })

  /** The first reason to close counts, but what says more about the stream is above it. */
  function close(reason: Closing): void {
    if (!closing || rankOf(reason) > rankOf(closing)) closing = reason
    ring()
  }

  function isOver(isEmpty: boolean): boolean {
    const time = performance.now()
    if (isEmpty) return isCrowded() || time - lastBusy > SLICE_MS
    return isCrowded() && time - started > SLICE_MS
  }

  function read(): void {
    const hasRoom = window.size <= limits.windowEvents / 2 && window.bytes < limits.windowBytes
    if (closing || reading || !mayHaveMore || !hasRoom) return
    reading = true
    mayHaveMore = false
    readPage(db, {
      tenant,
      after: readPosition,
      through: Math.min(stopPosition ?? Number.MAX_SAFE_INTEGER, (Date.now() + DAY_MS) * 1000),
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

  function send() {
    while (!closing && window.inFlight < inFlightLimit) {
      // Others may hold the lease by now. Letting go is safe: that write is theirs to refuse.
      if (deadline.isOver()) return close({ why: 'expired' })
      if (!window.hasNext || !mayGo()) return
      const event = window.next() as LoggedEvent
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
    inFlightLimit = Math.min(inFlightLimit * 2, maxInFlight)
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
    close({ why: 'broken' })
  }

  function step(): void {
    // Goes on while what is in flight finishes: the lease must not end before that.
    if (stepping || closing?.why === 'lost') return
    const time = performance.now()
    const isDue = progress.count() > 0 && time - lastStep >= STEP_MS
    const isRenewal = time - lastStep >= leaseMs / 4
    if (!isDue && !isRenewal && progress.count() < STEP_EVENTS) return
    stepping = true
    lastStep = time
    const next = stepOf(attempts)
    const asked = now()
    moveCursor(db, lease, next, leaseMs)
      .then((outcome) => {
        progress.written(next)
        if (outcome === 'lost') close({ why: 'lost' })
        else deadline.extend(asked)
        if (outcome === 'stopped') close({ why: 'halted' })
      }, broken)
      .finally(() => {
        stepping = false
        ring()
      })
  }

  function stepOf(attemptsSoFar: number): Step {
    const unresolved = window.unresolved()
    return progress.step({ readPosition, unresolved, attempts: attemptsSoFar })
  }
}

// Advancing one consumer: the heart of delivery. A run takes the lease of a cursor, reads pages of
// the log into a window, sends what the window offers, and writes progress every 250 ms or 200
// events (one that gets files: files/; tables of ours: project.ts). Why nothing is lost, by
// crash point:
//   before the send: the event is above read_position or in `unresolved`; the next run sends it.
//   after the send, before the step: the same; the target sees it twice (at least once).
//   after a 400, before it is kept: the same; it is kept once, its position being unique there.
//   in the middle of a step: a step is one statement.
// A frozen process wakes up past its deadline: it sends nothing more, and its writes name an old
// epoch. A failure that is to be retried closes the line: what is in flight finishes, the cursor
// keeps the count and the time, and the next run, as configured then, sends the oldest one alone.

import { limits } from '../config.ts'
import { type AdvanceJob, consumerKey } from '../db/jobs.ts'
import type { Failure, Outcome } from '../destination/destination.ts'
import type { LoggedEvent } from '../log/event.ts'
import { END_OF_LOG, timeOf } from '../log/position.ts'
import { logHasPassed, type PageRow, readEvents, readPage } from '../log/read.ts'
import { recordAttempt } from './attempt.ts'
import { createBell } from './bell.ts'
import { keepWindow, type Leased, moveCursor, type Step, takeLease } from './cursor.ts'
import { createDeadline, type Deadline, now } from './deadline.ts'
import { exportFiles } from './files/export.ts'
import { SAFE_PART } from './hold.ts'
import { brokenOff, type Closing, isAway, letGo, type RunResult, rankOf } from './let-go.ts'
import { paced } from './pace.ts'
import { createProgress } from './progress.ts'
import { project } from './project.ts'
import { createReader } from './reader.ts'
import { keepRejected } from './rejected.ts'
import { type RunPlace, type RunServices, SLICE_MS } from './run.ts'
import { filterOfTarget, maxInFlightOf, type SendingTarget } from './target.ts'
import { createWindow } from './window.ts'

const STEP_MS = 250
const STEP_EVENTS = 200
/** The window is filled up with so many rows at once, or with as many as may be in flight. */
const FILL_ROWS = 50
/** A run that waits for new events looks at the clock this often; at the log when it is told to. */
const TICK_MS = 1_000
/** The part of a lease after which it is renewed. */
const RENEW_PART = 0.4

/**
 * Advances the cursor of `job` until there is nothing to do, its time is over, or it is told to
 * close.
 */
export async function advance(
  services: RunServices,
  job: AdvanceJob,
  options: RunPlace,
): Promise<RunResult> {
  const asked = now()
  const { db, leaseMs, presence } = services
  const session = presence.session()
  const leased = session && (await takeLease(db, job, session.owner, leaseMs))
  if (!leased) return { kind: 'busy' }
  const { target } = leased
  const deadline = createDeadline(asked, leaseMs * SAFE_PART, session.isPresent)
  if (target.kind === 'projection') return project(services, leased, deadline, options)
  if (target.kind === 'integration' && target.document.s3_parameters) {
    return exportFiles(services, { ...leased, target }, deadline, options)
  }
  return runLease(services, { ...leased, target }, deadline, options)
}

async function runLease(
  services: RunServices,
  leased: Leased & { target: SendingTarget },
  deadline: Deadline,
  { givesWay, attach }: RunPlace,
): Promise<RunResult> {
  const { db, leaseMs } = services
  const { lease, stopPosition, target } = leased
  const { tenant } = lease
  const filter = filterOfTarget(target)
  const destination = await services.destinationOf(tenant, target)
  const window = createWindow()
  const progress = createProgress(leased)
  const started = performance.now()

  let closing: Closing | undefined
  let attempts = leased.attempts
  let readPosition = leased.readPosition
  const inFlight = services.inFlightOf(consumerKey(lease), maxInFlightOf(target))
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
  const reader = createReader({
    after: readPosition,
    read(after) {
      const page = { maxEvents: limits.pageEvents, maxBytes: services.pageBytes() }
      const range = { tenant, after, filter, ...page }
      if (stopPosition === null) return services.readLive({ ...range, through: END_OF_LOG })
      return readPage(db, { ...range, through: stopPosition })
    },
    onPage() {
      send()
      if (window.size === 0) ring()
    },
    onError: broken,
  })

  attach({
    wake() {
      reader.look()
      ring()
    },
    close: (why) => close({ why }),
    abandon() {
      abandoned = true
      close({ why: 'draining' })
    },
  })

  await keepWindow(db, leased)
  // Those that retention has removed meanwhile are missing; the log of the integration says so.
  push(await readEvents(db, tenant, leased.unresolved, filter))
  for (;;) {
    send()
    step()
    const isEmpty = window.size === 0 && reader.isEmpty
    if (isEmpty) inFlight.rest()
    if (isEmpty && stopPosition !== null) await endAt(stopPosition)
    if (isOver(isEmpty)) close({ why: 'gave_way' })
    if (closing?.why === 'lost' || abandoned) break
    if (closing && window.inFlight === 0 && !reader.isReading && !stepping) break
    await rungOrAfter(isEmpty && progress.count() === 0 ? TICK_MS : STEP_MS)
  }
  await writes
  const failing = `The event at position ${window.unresolved()[0]}`
  return letGo(services, lease, { closing: closing as Closing, attempts, failing, stepOf })

  /** The first reason to close counts, but what says more about the stream is above it. */
  function close(reason: Closing): void {
    // Rings once: the loop closes again at every turn, and must not go round for its own sake.
    if (closing && rankOf(reason) <= rankOf(closing)) return
    closing = reason
    reader.close()
    ring()
  }

  /** Closes if nothing can come up to the end of a replay: the log says so, whatever the clocks. */
  async function endAt(position: number): Promise<void> {
    if (await logHasPassed(db, position).catch(broken)) close({ why: 'at_end' })
  }

  function isOver(isEmpty: boolean): boolean {
    const time = performance.now()
    if (isEmpty) return time - lastBusy > SLICE_MS || givesWay(true)
    return time - started > SLICE_MS && givesWay(false)
  }

  /**
   * Moves what was read into the window while it offers fewer than may be in flight, as far as it
   * has room: what stands in it is written down with every step.
   */
  function fill(): void {
    while (window.ready < inFlight.current && window.bytes < limits.windowBytes) {
      const room = limits.windowEvents - window.size
      const rows = reader.take(Math.min(room, Math.max(FILL_ROWS, inFlight.current)))
      const last = rows.at(-1)
      if (!last) return
      push(rows)
      readPosition = last.position
    }
  }

  function push(rows: readonly PageRow[]): void {
    const taken = rows.filter((row): row is LoggedEvent => row.payload !== null)
    window.push(taken)
    progress.filtered(rows.length - taken.length)
  }

  function send() {
    if (!closing) fill()
    while (!closing && window.inFlight < inFlight.current) {
      // Others may hold the lease by now. Letting go is safe: that write is theirs to refuse.
      if (deadline.isOver()) return close({ why: 'expired' })
      if (window.ready === 0 || !mayGo()) return
      deliver(window.next() as LoggedEvent)
    }
  }

  function deliver(event: LoggedEvent): void {
    const sent = performance.now()
    const publishedAt = timeOf(event.position)
    const settled = (outcome: Outcome) => void settle(event, outcome, performance.now() - sent)
    const isOurs = () => !abandoned && closing?.why !== 'lost' && !deadline.isOver()
    destination.send({ ...event, tenant, publishedAt }, settled, isOurs)
  }

  /** Where an event is delivered, the next one is sent before this returns: see Destination. */
  async function settle(event: LoggedEvent, outcome: Outcome, latencyMs: number): Promise<void> {
    try {
      if (outcome.kind === 'delivered') {
        window.settle(event)
        progress.delivered(event, Date.now())
        succeed(latencyMs)
      } else await conclude(event, outcome)
    } catch (error) {
      window.giveBack(event)
      broken(error as Error)
    }
    lastBusy = performance.now()
    send()
    if (closing || progress.count() >= STEP_EVENTS || window.size === 0) ring()
  }

  /** The only place that decides what a failure means for the stream. */
  async function conclude(event: LoggedEvent, outcome: Failure): Promise<void> {
    record(event, outcome)
    switch (outcome.kind) {
      case 'rejected':
        return reject(event, outcome)
      case 'refused':
        window.giveBack(event)
        return close({ why: 'stop', reason: `The target refused an event: ${outcome.reason}.` })
      case 'unavailable':
        window.giveBack(event)
        if (outcome.isThrottled) inFlight.throttled()
        return close({ why: 'retry', retryAfterMs: outcome.retryAfterMs })
    }
  }

  function succeed(latencyMs: number): void {
    attempts = 0
    inFlight.taken(latencyMs)
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
      attempts = 0
    }
    if (outcome === 'lost') close({ why: 'lost' })
    if (outcome === 'last' || outcome === 'no_room') {
      const reason = `The limit of ${limits.rejectedEvents} rejected events is reached.`
      close({ why: 'stop', reason })
    }
  }

  function record(event: LoggedEvent, outcome: Failure): void {
    const { response: _, ...told } = outcome
    services.logger.info({ ...lease, position: event.position, ...told }, 'attempt failed')
    const attempt = attempts + 1
    writes = writes
      .then(() => recordAttempt(db, lease, event.position, attempt, outcome))
      .catch(broken)
  }

  function broken(error: Error): void {
    close(brokenOff(services.logger, lease, error))
  }

  function step(): void {
    // Goes on while what is in flight finishes: the lease must not end before that.
    if (stepping || closing?.why === 'lost') return
    const time = performance.now()
    const isDue = progress.count() > 0 && time - lastStep >= STEP_MS
    const isRenewal = time - lastStep >= leaseMs * RENEW_PART
    // One that failed is not tried again at once: the last step follows.
    const isFull = progress.count() >= STEP_EVENTS && !isAway(closing)
    if (!isDue && !isRenewal && !isFull) return
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

  function stepOf(attempts: number): Step {
    const unresolved = window.unresolved()
    return progress.step({ readPosition, unresolved, attempts })
  }
}

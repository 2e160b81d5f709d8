// A turn that sends single events: the loop from the window to the destination and back. It sends
// what the window offers, within the in-flight limit. Each answer settles its event and sends the
// next one. Crash points: see advance.ts.

import { limits } from '../config.ts'
import { consumerKey } from '../db/jobs.ts'
import type { Db } from '../db/pool.ts'
import type { Destination, Outcome } from '../destination/destination.ts'
import type { LoggedEvent } from '../log/event.ts'
import { END_OF_LOG, timeOf } from '../log/position.ts'
import { logHasPassed, readEvents, readPage } from '../log/read.ts'
import { createSignal, type Signal } from '../signal.ts'
import { maxInFlightOf, type SendingConfiguration, selectionOf, targetOf } from './configuration.ts'
import { type Lease, type Leased, saveWindow } from './cursor.ts'
import type { Deadline } from './deadline.ts'
import { createEnding, type Ending, type Reason } from './ending.ts'
import { createFailures, type Failures } from './failure.ts'
import type { InFlightLimit } from './in-flight.ts'
import { fill, type Intake, isEmpty, push, stepOf } from './intake.ts'
import { countDelivered, countTry, type Target } from './metrics.ts'
import { both, createPace, type Pace, paced } from './pace.ts'
import { createProgress } from './progress.ts'
import { createReader } from './reader.ts'
import { type ReleaseServices, release } from './release.ts'
import type { ReadPage } from './shared-read.ts'
import { createSteps, STEP_EVENTS, STEP_MS, type Steps } from './steps.ts'
import { SLICE_MS, type Slot, type Turn, type TurnResult } from './turn.ts'
import { createWindow } from './window.ts'

/** How often a turn that waits for new events checks the time; it reads the log when woken. */
const TICK_MS = 1_000

export type SendServices = ReleaseServices & {
  destinationOf(lease: Lease, configuration: SendingConfiguration): Promise<Destination>
  /** The current limit of a page, so that all turns together stay within bounds. */
  pageBytes(): number
  /** Pages of turns that follow the log, shared if they are the same. */
  readLive: ReadPage
  /** Of all replays together. */
  replayPace: Pace
  /** The in-flight limit of a consumer, by its key: at most `most`. */
  inFlightOf(consumer: string, most: number): InFlightLimit
}

type SendingLease = Leased & { configuration: SendingConfiguration }

/** The state of a turn. */
type Sending = {
  readonly leased: SendingLease
  readonly destination: Destination
  readonly target: Target
  readonly deadline: Deadline
  readonly intake: Intake
  readonly inFlight: InFlightLimit
  readonly ending: Ending
  readonly failures: Failures
  readonly steps: Steps
  readonly signal: Signal
  /** Whether the pace of replays allows one more event. */
  readonly paceLets: () => boolean
  /** Whether a request may leave once more. */
  readonly maySend: () => boolean
  readonly startedAt: number
  lastBusyAt: number
  isAbandoned: boolean
}

/** Sends the consumer's events, and releases the lease. Like advance(). */
export async function sendEvents(
  services: SendServices,
  leased: SendingLease,
  deadline: Deadline,
  slot: Slot,
): Promise<TurnResult> {
  const { lease, configuration } = leased
  const unready = createEnding(services.logger, lease, () => {})
  const destination = await services.destinationOf(lease, configuration).catch(unready.breakOff)
  if (!destination) return giveBack(services, leased, unready)
  const turn = begin(services, leased, deadline, destination)
  const { intake, ending, failures } = turn
  slot.attach(handleOf(turn))
  const isFilled = await takeUp(services, turn).catch(ending.breakOff)
  if (!isFilled) return giveBack(services, leased, ending)
  await sendUntilEnd(services, turn, slot)
  await failures.written()
  return release(services, lease, {
    reason: ending.reason as Reason,
    attempts: intake.progress.attempts,
    failing: `The event at position ${intake.window.unresolved()[0]}`,
    stepOf: (attempts) => stepOf(intake, attempts),
    isIdle: () => isEmpty(intake),
  })
}

/** Puts the events into the window that an earlier turn has left. */
async function takeUp({ db, durable }: SendServices, { leased, intake }: Sending): Promise<true> {
  await saveWindow(durable, leased)
  // Events that retention has removed meanwhile are missing; the log of the integration says so.
  const { lease, unresolved } = leased
  push(intake, await readEvents(db, lease.tenant, unresolved, selectionOf(leased)))
  return true
}

/** Releases a lease with the cursor as it was: its events are not in the window. */
function giveBack(
  services: SendServices,
  { lease, readPosition, unresolved, windowVersion: version, ...leased }: SendingLease,
  { reason }: Ending,
): Promise<TurnResult> {
  return release(services, lease, {
    reason: reason as Reason,
    attempts: leased.attempts,
    failing: 'The turn',
    stepOf: (attempts) =>
      createProgress({ ...leased, version }).step({ readPosition, unresolved, attempts }),
  })
}

function begin(
  services: SendServices,
  leased: SendingLease,
  deadline: Deadline,
  destination: Destination,
): Sending {
  const { lease, configuration, stopPosition } = leased
  const signal = createSignal()
  const ending = createEnding(services.logger, lease, () => {
    intake.reader.close()
    signal.raise()
  })
  const intake: Intake = {
    reader: createReader({
      after: leased.readPosition,
      read: pagesFor(services, leased),
      onPage() {
        send(turn)
        if (intake.window.size === 0) signal.raise()
      },
      onError: ending.breakOff,
    }),
    window: createWindow(),
    progress: createProgress(leased),
    readPosition: leased.readPosition,
  }
  const inFlight = services.inFlightOf(consumerKey(lease), maxInFlightOf(configuration))
  const turn: Sending = {
    leased,
    destination,
    target: targetOf(leased.configuration),
    deadline,
    intake,
    inFlight,
    ending,
    failures: createFailures(services, lease, ending, { intake, inFlight }),
    steps: createSteps(services, { lease, deadline, intake, ending }, signal.raise),
    signal,
    paceLets:
      stopPosition === null ? () => true : paced(paceOf(services, leased), () => send(turn)),
    maySend: () => !turn.isAbandoned && ending.reason?.why !== 'lost' && !deadline.isOver(),
    startedAt: performance.now(),
    lastBusyAt: performance.now(),
    isAbandoned: false,
  }
  return turn
}

/** The pace of a replay: that of all replays, and its own rate. */
function paceOf({ replayPace }: SendServices, { terms }: SendingLease): Pace {
  return terms?.rate ? both(createPace(terms.rate, { isFull: false }), replayPace) : replayPace
}

/** Reads the pages of a consumer: shared ones if it follows the log, up to the end of a replay. */
function pagesFor(services: SendServices, leased: SendingLease) {
  const { lease, stopPosition } = leased
  const selection = selectionOf(leased)
  return (after: number) => {
    const page = { maxEvents: limits.pageEvents, maxBytes: services.pageBytes() }
    const range = { tenant: lease.tenant, after, ...selection, ...page }
    if (stopPosition === null) return services.readLive({ ...range, through: END_OF_LOG })
    return readPage(services.db, { ...range, through: stopPosition })
  }
}

function handleOf(turn: Sending): Turn {
  const { intake, ending, signal } = turn
  return {
    wake() {
      intake.reader.look()
      signal.raise()
    },
    requestHalt: (why) => ending.begin({ why }),
    abandon() {
      turn.isAbandoned = true
      ending.begin({ why: 'draining' })
      signal.raise()
    },
  }
}

async function sendUntilEnd({ db }: SendServices, turn: Sending, slot: Slot): Promise<void> {
  const { leased, intake, inFlight, ending, steps, signal } = turn
  const { reader, window, progress } = intake
  const { stopPosition } = leased
  for (;;) {
    send(turn)
    const isIdle = isEmpty(intake)
    if (isIdle) inFlight.rest()
    if (isIdle && stopPosition !== null && (await isAtEnd(db, stopPosition, ending))) {
      ending.begin({ why: 'at_end' })
    }
    if (isOver(turn, isIdle, slot)) ending.begin({ why: 'yielded' })
    if (ending.reason?.why === 'lost' || turn.isAbandoned) return
    if (ending.reason && window.inFlight === 0 && !reader.isReading && !steps.isWriting) return
    // Not before the check for the end: the release writes the last step.
    steps.writeIfDue()
    await signal.raisedOrAfter(isIdle && progress.count() === 0 ? TICK_MS : STEP_MS)
  }
}

/** Whether no more events can appear up to there: the log decides that, not a clock. */
async function isAtEnd(db: Db, stopPosition: number, { breakOff }: Ending): Promise<boolean> {
  return (await logHasPassed(db, stopPosition).catch(breakOff)) ?? false
}

function isOver({ startedAt, lastBusyAt }: Sending, isIdle: boolean, slot: Slot): boolean {
  const time = performance.now()
  if (isIdle) return time - lastBusyAt > SLICE_MS || slot.mustYield(true)
  return time - startedAt > SLICE_MS && slot.mustYield(false)
}

/** Sends as much as may be in flight. */
function send(turn: Sending): void {
  const { intake, inFlight, ending, deadline } = turn
  const { window } = intake
  if (!ending.reason) fill(intake, inFlight.current)
  while (!ending.reason && window.inFlight < inFlight.current) {
    // Others may hold the lease by now. Releasing it is safe: that write checks the lease.
    if (deadline.isOver()) {
      ending.begin({ why: 'expired' })
      return
    }
    if (window.ready === 0 || !turn.paceLets()) return
    deliver(turn, window.next() as LoggedEvent)
  }
}

function deliver(turn: Sending, event: LoggedEvent): void {
  const { tenant } = turn.leased.lease
  const sentAt = performance.now()
  const publishedAt = timeOf(event.position)
  const settled = (outcome: Outcome) => void settle(turn, event, outcome, sentAt)
  turn.destination.send({ ...event, tenant, publishedAt }, settled, turn.maySend)
}

/** If an event is delivered, the next one is sent before this returns: see Destination. */
async function settle(
  turn: Sending,
  event: LoggedEvent,
  outcome: Outcome,
  sentAt: number,
): Promise<void> {
  const { leased, target, intake, inFlight, ending, failures, signal } = turn
  const { window, progress } = intake
  const latencyMs = performance.now() - sentAt
  const isHalted = outcome.kind === 'unavailable' && outcome.isHalted === true
  if (!isHalted) countTry(target, outcome.kind, latencyMs)
  try {
    if (isHalted) {
      window.giveBack(event)
      ending.begin({ why: 'expired' })
    } else if (outcome.kind === 'delivered') {
      window.settle(event)
      progress.delivered(event, Date.now())
      countDelivered(target, leased.lease.run, event.position)
      inFlight.taken(latencyMs)
    } else await failures.conclude(event, outcome)
  } catch (error) {
    window.giveBack(event)
    ending.breakOff(error as Error)
  }
  turn.lastBusyAt = performance.now()
  send(turn)
  if (ending.reason || progress.count() >= STEP_EVENTS || window.size === 0) signal.raise()
}

// A turn that advances a projection: our own tables that follow the log. One transaction applies a
// page of events and writes the step of the cursor, and it checks the epoch. So each event counts
// exactly once, whatever is killed in between. If a turn has lost its lease, its page is rolled
// back with its step. A crash of the database may undo pages that were answered. So each page
// checks that the cursor stands where the page begins, and the release never moves the cursor.

import { limits } from '../config.ts'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import type { LoggedEvent } from '../log/event.ts'
import { END_OF_LOG } from '../log/position.ts'
import { type PageRow, readPage } from '../log/read.ts'
import { createSignal } from '../signal.ts'
import { selectionOf } from './configuration.ts'
import { type Leased, standsAt, type Totals } from './cursor.ts'
import type { Deadline } from './deadline.ts'
import { createEnding, type Ending, type Reason } from './ending.ts'
import { holdCursor } from './held-lease.ts'
import { countApplied } from './metrics.ts'
import { createProgress } from './progress.ts'
import { type ReleaseServices, release } from './release.ts'
import { moveCursor, type Step } from './step.ts'
import { SLICE_MS, type Slot, type TurnResult } from './turn.ts'

/** How often a turn that waits for new events reads the log, besides wake-ups. */
const TICK_MS = 1_000

/** Both write within the given transaction, which also moves the cursor. */
export type Projection = {
  apply(db: Db, tenant: string, events: LoggedEvent[]): Promise<void>
  /** Notes an event that can never be applied. */
  passOver(db: Db, tenant: string, event: LoggedEvent, reason: string): Promise<void>
}

export type ProjectServices = ReleaseServices & {
  /** The current limit of a page, so that all turns together stay within bounds. */
  pageBytes(): number
  /** By consumer id. */
  projections: Record<string, Projection>
}

/** The state of a turn. */
type Projecting = {
  readonly services: ProjectServices
  readonly leased: Leased
  readonly projection: Projection
  readonly ending: Ending
  readPosition: number
  totals: Totals
  /** Of the next page. */
  maxEvents: number
}

class Lost extends Error {}

/** Applies the log page by page, and releases the lease. Like advance(). */
export async function project(
  services: ProjectServices,
  leased: Leased,
  deadline: Deadline,
  slot: Slot,
): Promise<TurnResult> {
  const { lease, attempts, readPosition, totals } = leased
  const signal = createSignal()
  const ending = createEnding(services.logger, lease, signal.raise)
  const held = holdCursor(services, lease, deadline, {
    lost: () => ending.begin({ why: 'lost' }),
    stopped: () => ending.begin({ why: 'halted' }),
  })
  slot.attach({
    wake: signal.raise,
    requestHalt: (why) => ending.begin({ why }),
    abandon: () => ending.begin({ why: 'draining' }),
  })
  const projection = services.projections[lease.consumer] as Projection
  const { pageEvents: maxEvents } = limits
  const turn: Projecting = { services, leased, projection, ending, readPosition, totals, maxEvents }
  const startedAt = performance.now()
  let lastBusyAt = startedAt
  while (!ending.reason) {
    const isApplied = await nextPage(turn).catch((error) => breakOff(ending, error))
    const time = performance.now()
    if (isApplied) lastBusyAt = time
    if (held.isOver()) ending.begin({ why: 'expired' })
    else if (isApplied) {
      if (time - startedAt > SLICE_MS && slot.mustYield(false)) ending.begin({ why: 'yielded' })
    } else if (time - lastBusyAt > SLICE_MS || slot.mustYield(true)) {
      ending.begin({ why: 'yielded' })
    } else await signal.raisedOrAfter(TICK_MS)
  }
  await held.end()
  return release(services, lease, {
    reason: ending.reason as Reason,
    attempts,
    failing: 'The projection',
    // Where it stood at the lease: each page has moved it since.
    stepOf: (attempts) =>
      createProgress(leased).step({ readPosition: leased.readPosition, unresolved: [], attempts }),
  })
}

function breakOff(ending: Ending, error: Error): false {
  if (error instanceof Lost) ending.begin({ why: 'lost' })
  else ending.breakOff(error)
  return false
}

/** Returns whether there was a page. A page that fails is halved until a single event fails. */
async function nextPage(turn: Projecting): Promise<boolean> {
  const { services, leased, projection, readPosition: after, maxEvents } = turn
  const { lease } = leased
  const { tenant } = lease
  const page = { maxEvents, maxBytes: services.pageBytes() }
  const range = {
    tenant,
    after,
    through: END_OF_LOG,
    ...selectionOf(leased),
    ...page,
  }
  const { rows } = await readPage(services.db, range)
  if (rows.length === 0) return false
  const events = rows.filter(isTaken)
  try {
    await write(turn, rows, (trx) => projection.apply(trx, tenant, events))
    turn.maxEvents = limits.pageEvents
  } catch (error) {
    if (error instanceof Lost || maySendAgain(error)) throw error
    if (rows.length > 1) {
      turn.maxEvents = Math.ceil(rows.length / 2)
      return true
    }
    const { message: reason } = error as Error
    const [event] = events as [LoggedEvent]
    services.logger.error({ ...lease, position: event.position, reason }, 'event not projected')
    await write(turn, rows, (trx) => projection.passOver(trx, tenant, event, reason))
  }
  return true
}

/** One transaction: `apply`, and the step of the cursor over `rows`. */
async function write(
  turn: Projecting,
  rows: readonly PageRow[],
  apply: (trx: Db) => Promise<void>,
): Promise<void> {
  const { db, leaseMs } = turn.services
  const { lease } = turn.leased
  const step = stepOver(turn, rows)
  const outcome = await db.transaction().execute(async (trx) => {
    if (!(await standsAt(trx, lease, turn.readPosition))) {
      throw new Lost('The lease is lost, or the cursor was set back.')
    }
    await apply(trx)
    const moved = await moveCursor(trx, lease, step, leaseMs)
    // Thrown to roll back the applied events.
    if (moved === 'lost') throw new Lost('The lease is lost.')
    return moved
  })
  countApplied(step.totals.delivered - turn.totals.delivered)
  turn.readPosition = step.readPosition
  turn.totals = step.totals
  if (outcome !== 'running') turn.ending.begin({ why: 'halted' })
}

function stepOver({ leased, readPosition, totals }: Projecting, rows: readonly PageRow[]): Step {
  const progress = createProgress({ ...leased, totals })
  const events = rows.filter(isTaken)
  for (const event of events) progress.delivered(event, Date.now())
  progress.filtered(rows.length - events.length)
  const through = rows.at(-1)?.position ?? readPosition
  return progress.step({ readPosition: through, unresolved: [], attempts: 0 })
}

function isTaken(row: PageRow): row is LoggedEvent {
  return row.payload !== null
}

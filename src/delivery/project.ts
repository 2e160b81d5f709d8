// Advancing a projection: tables of ours that follow the log. What a page of events makes of them
// and the step of the cursor are one transaction, which names the epoch: so each event counts
// exactly once, whatever is killed in between, and a zombie's page is rolled back with its step.

import { limits } from '../config.ts'
import { maySendAgain } from '../db/failure.ts'
import type { Db } from '../db/pool.ts'
import type { LoggedEvent } from '../log/event.ts'
import { END_OF_LOG } from '../log/position.ts'
import { type PageRow, readPage } from '../log/read.ts'
import { createBell } from './bell.ts'
import { type Leased, moveCursor, type Step } from './cursor.ts'
import type { Deadline } from './deadline.ts'
import { holdLease } from './hold.ts'
import { brokenOff, type Closing, letGo, type RunResult, rankOf } from './let-go.ts'
import { createProgress } from './progress.ts'
import { type Projection, type RunPlace, type RunServices, SLICE_MS } from './run.ts'
import { filterOfTarget } from './target.ts'

/** A run that waits for new events looks at the log this often; at once when it is told to. */
const TICK_MS = 1_000

class Lost extends Error {}

/** Applies what is in the log, page by page, and lets go. Like advance(). */
export async function project(
  services: RunServices,
  leased: Leased,
  deadline: Deadline,
  { givesWay, attach }: RunPlace,
): Promise<RunResult> {
  const { db, leaseMs } = services
  const { lease } = leased
  const { tenant } = lease
  const projection = services.projections[lease.consumer] as Projection
  const filter = filterOfTarget(leased.target)
  const started = performance.now()
  let lastBusy = started
  let { readPosition } = leased
  let maxEvents: number = limits.pageEvents
  let closing: Closing | undefined
  const { ring, rungOrAfter } = createBell()
  const hold = holdLease(db, lease, {
    leaseMs,
    deadline,
    onLost: () => close({ why: 'lost' }),
    onStopped: () => close({ why: 'halted' }),
  })
  attach({
    wake: ring,
    close: (why) => close({ why }),
    abandon: () => close({ why: 'draining' }),
  })

  while (!closing) {
    const applied = await nextPage().catch(broken)
    const time = performance.now()
    if (hold.isOver()) close({ why: 'expired' })
    else if (applied) {
      lastBusy = time
      if (time - started > SLICE_MS && givesWay(false)) close({ why: 'gave_way' })
    } else if (time - lastBusy > SLICE_MS || givesWay(true)) close({ why: 'gave_way' })
    else if (!closing) await rungOrAfter(TICK_MS)
  }
  await hold.end()
  const failing = 'The projection'
  return letGo(services, lease, { closing, attempts: leased.attempts, failing, stepOf })

  function close(reason: Closing): void {
    if (closing && rankOf(reason) <= rankOf(closing)) return
    closing = reason
    ring()
  }

  function broken(error: Error): false {
    if (error instanceof Lost) close({ why: 'lost' })
    else close(brokenOff(services.logger, lease, error))
    return false
  }

  /** Whether there was one. A page that fails is halved until what fails is a single event. */
  async function nextPage(): Promise<boolean> {
    const maxBytes = services.pageBytes()
    const range = { tenant, after: readPosition, through: END_OF_LOG, filter, maxEvents, maxBytes }
    const { rows } = await readPage(db, range)
    if (rows.length === 0) return false
    const events = rows.filter((row): row is LoggedEvent => row.payload !== null)
    try {
      await write((trx) => projection.apply(trx, tenant, events), rows, events)
      maxEvents = limits.pageEvents
    } catch (error) {
      if (error instanceof Lost || maySendAgain(error)) throw error
      if (rows.length > 1) {
        maxEvents = Math.ceil(rows.length / 2)
        return true
      }
      const { message: reason } = error as Error
      const [event] = events as [LoggedEvent]
      services.logger.error({ ...lease, position: event.position, reason }, 'event not projected')
      await write((trx) => projection.passOver(trx, tenant, event, reason), rows, events)
    }
    return true
  }

  /** One transaction: what `apply` does, and the step of the cursor over `rows`. */
  async function write(
    apply: (trx: Db) => Promise<void>,
    rows: readonly PageRow[],
    events: LoggedEvent[],
  ): Promise<void> {
    const progress = createProgress({ ...leased, readPosition })
    for (const event of events) progress.delivered(event, Date.now())
    progress.filtered(rows.length - events.length)
    const position = rows.at(-1)?.position ?? readPosition
    const step = progress.step({ readPosition: position, unresolved: [], attempts: 0 })
    const outcome = await db.transaction().execute(async (trx) => {
      await apply(trx)
      const moved = await moveCursor(trx, lease, step, leaseMs)
      // Thrown, so that what was applied is rolled back.
      if (moved === 'lost') throw new Lost('The lease is lost.')
      return moved
    })
    readPosition = position
    if (outcome === 'stopped') close({ why: 'halted' })
  }

  /** The last step, of nothing. */
  function stepOf(attempts: number): Step {
    const progress = createProgress({ ...leased, readPosition })
    return progress.step({ readPosition, unresolved: [], attempts })
  }
}

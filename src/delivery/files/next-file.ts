// The next file of a consumer: its plan, whether it is due, and the manifest that begins it.

import { logHasPassed, readLogEnd } from '../../log/read.ts'
import { filterOfRun, selectionOf } from '../configuration.ts'
import type { Reason } from '../ending.ts'
import type { Exporting } from './exporting.ts'
import { beginFile, databaseTime, hasFinishedWithin, type OpenFile } from './manifest.ts'
import type { Plan } from './plan.ts'

/**
 * While a file is not due, its size is checked this many times in a window, within these bounds,
 * and for at most this part of the time.
 */
const LOOKS = 60
const LOOK_MS = { least: 200, most: 5_000 }
const LOOK_PART = 0.02

/** Begins the next file if it is due; otherwise returns why the turn ends. */
export async function nextFile(turn: Exporting): Promise<{ file: OpenFile; plan: Plan } | Reason> {
  const asked = performance.now()
  const plan = await planNext(turn)
  const { first } = plan
  if (first === null) {
    passOver(turn, plan, plan.through)
    return endOfLog(turn)
  }
  const dueInMs = await dueIn(turn, plan, first)
  if (dueInMs > 0) {
    passOver(turn, plan, first - 1)
    return { why: 'not_due', dueInMs: nextLook(turn, dueInMs, performance.now() - asked) }
  }
  const file = await begin(turn, plan, first)
  return file ? { file, plan } : { why: 'lost' }
}

/** Events that the filter does not take are settled without a file. */
function passOver(turn: Exporting, { leading }: Plan, through: number): void {
  turn.readPosition = through
  turn.progress.filtered(leading)
}

function begin(turn: Exporting, plan: Plan, firstPosition: number): Promise<OpenFile | undefined> {
  const { services, leased, readPosition: fromPosition } = turn
  const { document } = leased.configuration
  return beginFile(services.durable, leased.lease, {
    version: leased.version,
    filter: filterOfRun(leased),
    compression: document.s3_parameters?.compression ?? null,
    keyPrefix: document.s3_parameters?.key_prefix,
    fromPosition,
    firstPosition,
    toPosition: plan.through,
  })
}

/** Plans the events from the cursor on; a full file is planned while another one is written. */
async function planNext(turn: Exporting): Promise<Plan> {
  const { readPosition, planned, leased } = turn
  const early = planned?.after === readPosition ? await planned.plan : undefined
  const plan = early?.isFull ? early : await planFrom(turn, readPosition)
  turn.planned = undefined
  if (plan.isFull && leased.finishBy === null) {
    turn.planned = { after: plan.through, plan: planFrom(turn, plan.through) }
    turn.planned.plan.catch(() => {}) // its awaiter gets the error, too
  }
  return plan
}

async function planFrom({ services, leased }: Exporting, after: number): Promise<Plan> {
  const { lease, stopPosition, finishBy } = leased
  const newest = await readLogEnd(services.db)
  const through = Math.min(newest, stopPosition ?? newest, finishBy ?? newest)
  const { maxBytes } = services.fileLimits
  const selection = selectionOf(leased)
  return services.planOf({ tenant: lease.tenant, after, through, ...selection, maxBytes })
}

/** Why the turn ends if there are no events for a file. */
async function endOfLog(turn: Exporting): Promise<Reason> {
  if (turn.leased.finishBy !== null) return { why: 'finished' }
  return { why: (await isAtEnd(turn)) ? 'at_end' : 'yielded' }
}

async function isAtEnd({ services, leased: { stopPosition } }: Exporting): Promise<boolean> {
  return stopPosition !== null && logHasPassed(services.db, stopPosition)
}

async function dueIn(turn: Exporting, plan: Plan, first: number): Promise<number> {
  const { services, leased } = turn
  const { lease, stopPosition, finishBy } = leased
  const { windowMs } = services.fileLimits
  if (plan.isFull || finishBy !== null || (await isAtEnd(turn))) return 0
  const now = await databaseTime(services.db)
  // The clock was set back: do not wait for a window that it makes longer.
  if (first / 1000 > now + windowMs) {
    return (await hasFinishedWithin(services.db, lease, windowMs)) ? windowMs : 0
  }
  const end = Math.min(first / 1000 + windowMs, (stopPosition ?? Infinity) / 1000)
  return Math.max(0, end - now)
}

function nextLook({ services }: Exporting, dueInMs: number, lookedMs: number): number {
  const { windowMs } = services.fileLimits
  const often = Math.min(LOOK_MS.most, Math.max(LOOK_MS.least, windowMs / LOOKS))
  return Math.min(dueInMs, Math.max(often, lookedMs / LOOK_PART))
}

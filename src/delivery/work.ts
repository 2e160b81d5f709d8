// The worker's part of delivery: it runs the jobs of cursors in its slots, a turn each, and passes
// its notifications on to the turns. Replays have their own slots: however many there are, live
// events do not wait for one.

import type pg from 'pg'
import { type Config, limits } from '../config.ts'
import { type AdvanceJob, consumerKey, jobKey, tasks } from '../db/jobs.ts'
import { runJobs } from '../db/run-jobs.ts'
import type { Logger } from '../logger.ts'
import { type AdvanceServices, advance } from './advance.ts'
import { createDestinations } from './destinations.ts'
import { createJustEnded, type JustEnded } from './just-ended.ts'
import { turnSlots, turnsEnded, turnsUnderWay } from './metrics.ts'
import { advanceServices, type DeliveryParts } from './services.ts'
import { createSlots } from './slots.ts'
import type { Slot, Turn } from './turn.ts'
import { wakeIfBehind } from './wake.ts'

type Delivering = {
  /** New events of a tenant may be there. */
  wake(tenant: string): void
  /** A consumer, named `tenant/id`, was stopped; or one run of it, `tenant/id/run`, is to end. */
  requestHalt(named: string): void
  /** Others may take this worker's leases from now on. */
  expire(): void
  /** Lets deliveries in flight finish, within limits.shutdownMs, and writes the progress. */
  stop(): Promise<void>
}

type Task = 'advance' | 'replay'

/** The state of delivery in a worker. */
type Delivery = {
  readonly pool: pg.Pool
  readonly logger: Logger
  readonly services: AdvanceServices
  /** By cursor: those that hold a lease. */
  readonly turns: Map<string, Turn>
  /** Cursors of running jobs, with or without a lease. */
  readonly underWay: Set<string>
  readonly justEnded: JustEnded
  readonly running: Set<Promise<void>>
  isDraining: boolean
}

/** Starts the jobs of cursors. */
export function startDelivering(config: Config, parts: DeliveryParts): Delivering {
  const destinations = createDestinations(config, parts.secrets)
  const turns = new Map<string, Turn>()
  const delivery: Delivery = {
    pool: parts.relaxed.pool,
    logger: parts.logger,
    services: advanceServices(config, parts, destinations, {
      pageBytes: () => pageBytesOf(turns.size),
      isDraining: () => delivery.isDraining,
    }),
    turns,
    underWay: new Set(),
    justEnded: createJustEnded(),
    running: new Set(),
    isDraining: false,
  }
  const runners = [
    startRunner(delivery, 'advance', config.MILLRACE_WORKER_CONCURRENCY),
    startRunner(delivery, 'replay', limits.replaysPerWorker),
  ]

  return {
    wake(tenant) {
      eachOf(turns, tenant, (turn) => turn.wake())
      if (delivery.isDraining) return
      for (const job of delivery.justEnded.take(tenant)) void wakeAgain(delivery, job)
    },
    requestHalt: (named) => eachOf(turns, named, (turn) => turn.requestHalt('halted')),
    expire: () => haltAll(turns, 'expired'),
    async stop() {
      delivery.isDraining = true
      // Called first, so that no new job is taken; awaited last, since it waits for the turns.
      const stopped = Promise.all(runners.map((runner) => runner.stop()))
      haltAll(turns, 'draining')
      const hurry = setTimeout(() => {
        for (const turn of turns.values()) turn.abandon()
      }, limits.shutdownMs)
      await Promise.all(delivery.running)
      clearTimeout(hurry)
      await stopped
      await destinations.close()
    },
  }
}

function startRunner(delivery: Delivery, task: Task, count: number) {
  const { pool, logger, running } = delivery
  const slots = createSlots(count)
  turnSlots.set(count, task)
  return runJobs(pool, task, {
    slots: count,
    logger,
    async handle(job) {
      const { mustYield, release } = slots.take()
      const work = advanceOne(delivery, task, job, mustYield)
      running.add(work)
      await work.finally(() => {
        running.delete(work)
        release()
      })
    },
  })
}

/** Never throws: liveness is the sweep's business, not that of a failed job. */
async function advanceOne(
  delivery: Delivery,
  task: Task,
  job: AdvanceJob,
  mustYield: Slot['mustYield'],
): Promise<void> {
  const { pool, logger, services, turns, underWay } = delivery
  const key = consumerKey(job)
  if (delivery.isDraining) return
  // A lease of ours seems to be over while its turn goes on: it is being released, or the clock of
  // the database has jumped. The turn checks for new events in place of the job.
  if (underWay.has(key)) return turns.get(key)?.wake()
  underWay.add(key)
  turnsUnderWay.add(1, task)
  const attach = (turn: Turn) => {
    turns.set(key, turn)
    if (delivery.isDraining) turn.requestHalt('draining')
  }
  try {
    const result = await advance(services, job, { mustYield, attach }).finally(() => {
      // Before the check for new events: from here on no job for it is turned away.
      turns.delete(key)
      underWay.delete(key)
      turnsUnderWay.add(-1, task)
    })
    if (result.kind === 'busy') return turnsEnded.add(1, 'busy')
    if (result.kind === 'idle') delivery.justEnded.add(job)
    else if (result.kind === 'retry') await scheduleRetry(pool, task, job, result.retryInMs)
    else await wakeAgain(delivery, job)
  } catch (error) {
    logger.warn({ ...job, reason: (error as Error).message }, 'turn failed')
  }
}

type Turns = ReadonlyMap<string, Turn>

function eachOf(turns: Turns, prefix: string, act: (turn: Turn) => void): void {
  for (const [key, turn] of turns) if (`${key}/`.startsWith(`${prefix}/`)) act(turn)
}

function haltAll(turns: Turns, why: 'expired' | 'draining'): void {
  for (const turn of turns.values()) turn.requestHalt(why)
}

/** The limit of a page, so that all turns together stay within bounds. */
function pageBytesOf(turns: number): number {
  const { pagesBytes, pageBytes: most, smallestPageBytes: least } = limits
  return Math.min(most, Math.max(least, Math.floor(pagesBytes / Math.max(1, turns))))
}

/** Wakes the consumer if it is behind. Never throws: if this fails, the sweep finds it. */
async function wakeAgain({ pool, logger }: Delivery, job: AdvanceJob): Promise<void> {
  const values = [job.tenant, job.consumer]
  // Prepared: it covers every partition, and planning that takes longer than running it.
  await pool
    .query({ name: 'wake_if_behind', text: wakeIfBehind, values })
    .catch((error: Error) => logger.warn({ ...job, reason: error.message }, 'not woken again'))
}

/**
 * A retry is a job with a date, never a sleep. If it gets lost, the sweep finds the cursor once it
 * is due.
 */
async function scheduleRetry(
  pool: pg.Pool,
  task: Task,
  job: AdvanceJob,
  delayMs: number,
): Promise<void> {
  await pool.query(
    `/* prepared: add_retry */
    select graphile_worker.add_job(
      $1, $2::json, run_at => clock_timestamp() + $3 * interval '1 millisecond', job_key => $4
    )`,
    [tasks[task], JSON.stringify(job), delayMs, jobKey('retry', job)],
  )
}

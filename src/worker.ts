// Wiring of `millrace work`: tasks to the runners, notifications to the runs, the sweep and
// retention to their clocks. Nothing is decided here.

import { type Config, limits } from './config.ts'
import { changeConsumer } from './consumer/change.ts'
import { type AdvanceJob, consumerKey, jobKey, tasks } from './db/jobs.ts'
import { channels, listen } from './db/listen.ts'
import { schemaProblem } from './db/migrate.ts'
import { type Database, openDatabase } from './db/pool.ts'
import { keepPresence, type Presence } from './db/presence.ts'
import { runJobs } from './db/run-jobs.ts'
import { watchSkew } from './db/skew.ts'
import { advance } from './delivery/advance.ts'
import { createDestinations, type Destinations } from './delivery/destinations.ts'
import { createLineReader } from './delivery/files/lines.ts'
import { planFile } from './delivery/files/plan.ts'
import { createStores } from './delivery/files/stores.ts'
import { createGate } from './delivery/gate.ts'
import { createInFlightLimits } from './delivery/in-flight.ts'
import { createPace } from './delivery/pace.ts'
import type { Run, RunPlace, RunServices } from './delivery/run.ts'
import { createSharedRead } from './delivery/shared-read.ts'
import { createWaker, wakeIfBehind } from './delivery/wake.ts'
import { createPartitions } from './log/partitions.ts'
import type { Logger } from './logger.ts'
import { readAllEventTypes } from './maintenance/event-types.ts'
import { retireRejected } from './maintenance/rejected.ts'
import { retirePartitions } from './maintenance/retention.ts'
import { sweep } from './maintenance/sweep.ts'
import { completeWaiting } from './maintenance/waiting.ts'
import { startNotifying } from './notification/run/work.ts'
import { createShopProjection, SHOP } from './notification/shop/project.ts'
import { inTurn, type Repeated, repeat } from './repeat.ts'
import { createSecretBox, type SecretBox } from './sealing/secret.ts'

const HOUR_MS = 3_600_000

type Worker = {
  /** What keeps it from delivering, in words. Rejects with the database's error. */
  problem(): Promise<string | undefined>
  stop(): Promise<void>
}

/**
 * Starts delivering. `stop` lets what is in flight finish, within limits.shutdownMs, and writes
 * down how far it came.
 */
export async function startWorker(
  config: Config,
  options: { url: string; secretKey: string; logger: Logger },
): Promise<Worker> {
  const { url, logger } = options
  const relaxed = openDatabase(url, { durability: 'relaxed', max: 20, logger })
  const durable = openDatabase(url, { durability: 'durable', max: 10, logger })
  const secrets = createSecretBox(options.secretKey, config.MILLRACE_SECRET_KEY_PREVIOUS)
  const destinations = createDestinations(config, secrets)
  const runs = new Map<string, Run>()
  const underWay = new Set<string>()
  let draining = false
  const pageBytes = () => {
    const { pagesBytes, pageBytes: most, smallestPageBytes: least } = limits
    return Math.min(most, Math.max(least, Math.floor(pagesBytes / Math.max(1, runs.size))))
  }
  const [presence, listener] = await Promise.all([
    keepPresence(url, logger),
    listen(url, logger),
    createPartitions(durable.pool),
  ])
  const services = runServices(config, {
    relaxed,
    durable,
    presence,
    destinations,
    secrets,
    pageBytes,
    logger,
    isDraining: () => draining,
  })
  const running = { advance: new Set<Promise<void>>(), replay: new Set<Promise<void>>() }

  listener.on(channels.wake, (tenant) => {
    for (const [key, run] of runs) if (key.startsWith(`${tenant}/`)) run.wake()
  })
  listener.on(channels.halt, (consumer) => {
    for (const [key, run] of runs) if (key.startsWith(`${consumer}/`)) run.close('halted')
  })
  const sweepOften = repeat('sweep', config.MILLRACE_SWEEP_MS, logger, () => sweep(relaxed.pool))
  listener.onReconnect(sweepOften.now)
  const skew = watchSkew(durable.pool, logger)
  const chores = startChores(config, durable, logger)

  // Replays have slots of their own: however many there are, live events do not wait for one.
  const runners = [
    startRunner(tasks.advance, config.MILLRACE_WORKER_CONCURRENCY),
    startRunner(tasks.replay, limits.replaysPerWorker),
  ]
  const notifying = startNotifying(config, { database: durable, presence, secrets, logger })
  const lookForWork = () => {
    sweepOften.now()
    notifying.look()
  }
  presence.onChange(() => {
    if (presence.session()) return lookForWork()
    // Others may take its leases from now on.
    for (const run of runs.values()) run.close('expired')
  })
  lookForWork()

  return {
    async problem() {
      if (draining) return 'The worker is stopping.'
      const problem = await schemaProblem(relaxed.pool)
      if (problem) return problem
      const { rows } = await relaxed.pool.query('show transaction_read_only')
      if (rows[0].transaction_read_only === 'on') return 'The database takes no writes.'
      return presence.session() ? undefined : 'Its presence in the database is lost.'
    },
    async stop() {
      draining = true
      // Asked first, so that no job is taken any more; awaited last, since it waits for the runs.
      const stopped = Promise.all(runners.map((runner) => runner.stop()))
      sweepOften.stop()
      for (const chore of chores) chore.stop()
      skew.stop()
      const notified = notifying.stop()
      for (const run of runs.values()) run.close('draining')
      const hurry = setTimeout(() => {
        for (const run of runs.values()) run.abandon()
      }, limits.shutdownMs)
      await Promise.all([...running.advance, ...running.replay])
      clearTimeout(hurry)
      await Promise.all([stopped, notified])
      await Promise.all([listener.close(), destinations.close(), presence.close()])
      await Promise.all([relaxed.close(), durable.close()])
    },
  }

  function startRunner(task: keyof typeof running, slots: number) {
    // Where all slots are taken others may wait for one. Of those that have nothing to do a few go
    // at a time: if all went at once, they would all come back at once.
    const mostLeaving = Math.ceil(slots / 64)
    let leaving = 0
    return runJobs(relaxed.pool, task, {
      slots,
      logger,
      async handle(job) {
        let isLeaving = false
        const givesWay = (isIdle: boolean) => {
          const isFull = running[task].size >= slots
          if (!isIdle) return isFull
          if (!isLeaving && isFull && leaving < mostLeaving) {
            isLeaving = true
            leaving++
          }
          return isLeaving
        }
        const work = advanceOne(job, task, givesWay)
        running[task].add(work)
        await work.finally(() => {
          running[task].delete(work)
          if (isLeaving) leaving--
        })
      },
    })
  }

  /** Never throws: liveness is the sweep's business, not that of a failed job. */
  async function advanceOne(
    job: AdvanceJob,
    task: keyof typeof running,
    givesWay: RunPlace['givesWay'],
  ): Promise<void> {
    const key = consumerKey(job)
    // A lease of ours that seems to be over while its run goes on: the database's clock has jumped.
    if (draining || underWay.has(key)) return
    underWay.add(key)
    try {
      const result = await advance(services, job, {
        givesWay,
        attach: (run) => {
          runs.set(key, run)
          if (draining) run.close('draining')
        },
      }).finally(() => {
        // Before the look at what came meanwhile: from here on no job for it is turned away.
        runs.delete(key)
        underWay.delete(key)
      })
      if (result.kind === 'busy') return
      if (result.kind === 'retry') await scheduleRetry(relaxed, task, job, result.retryInMs)
      else {
        // Named: it looks at every partition, and planning that takes longer than running it.
        const values = [job.tenant, job.consumer]
        await relaxed.pool.query({ name: 'wake_if_behind', text: wakeIfBehind, values })
      }
    } catch (error) {
      logger.warn({ ...job, reason: (error as Error).message }, 'run failed')
    }
  }
}

/** What is done at the start and then again and again. */
function startChores(config: Config, { pool, kysely }: Database, logger: Logger): Repeated[] {
  const { MILLRACE_RETENTION_DAYS: days, MILLRACE_SWEEP_MS: sweepMs } = config
  const hourly = {
    'making partitions': () => createPartitions(pool),
    // Before events go: their names stay.
    'reading event names': () => readAllEventTypes({ kysely, pool }),
    async retention() {
      const dropped = await retirePartitions(pool, days)
      if (dropped.length > 0) logger.info({ dropped }, 'partitions retired')
    },
    async 'retiring rejected events'() {
      const removed = await retireRejected(pool, days)
      if (removed > 0) logger.info({ removed }, 'rejected events retired')
    },
  }
  const chores = [
    repeat('completing replays', sweepMs, logger, () => completeWaiting(pool)),
    repeat('hourly chores', HOUR_MS, logger, () => inTurn(hourly, logger)),
  ]
  for (const chore of chores) chore.now()
  return chores
}

function runServices(
  config: Config,
  parts: {
    relaxed: Database
    durable: Database
    presence: Presence
    destinations: Destinations
    secrets: SecretBox
    pageBytes: () => number
    isDraining: () => boolean
    logger: Logger
  },
): RunServices {
  const waker = createWaker(parts.relaxed.pool, parts.logger)
  return {
    db: parts.relaxed.kysely,
    linesOf: createLineReader(parts.relaxed.pool),
    planOf: (range) => planFile(parts.relaxed.pool, range),
    durable: parts.durable.kysely,
    presence: parts.presence,
    destinationOf: parts.destinations.of,
    fileGate: createGate(limits.filesPerWorker),
    failedFileGate: createGate(limits.failedFilesPerWorker),
    storeOf: createStores(config, parts.secrets),
    fileLimits: {
      windowMs: config.MILLRACE_S3_WINDOW_MS,
      maxBytes: config.MILLRACE_S3_MAX_BYTES,
    },
    async stop(job, reason) {
      const change = { actor: 'millrace', reason }
      await changeConsumer(parts.durable.kysely, job.tenant, job.consumer, 'stop', change)
      // Its other runs, if it has any, on whatever worker.
      waker.halt(job.tenant, job.consumer)
    },
    pageBytes: parts.pageBytes,
    readLive: createSharedRead(parts.relaxed.kysely),
    inFlightOf: createInFlightLimits(),
    projections: { [SHOP]: createShopProjection(parts.logger) },
    replayPace: createPace(config.MILLRACE_REPLAY_RATE),
    leaseMs: config.MILLRACE_LEASE_MS,
    isDraining: parts.isDraining,
    retryBaseMs: config.MILLRACE_RETRY_BASE_MS,
    logger: parts.logger,
  }
}

/**
 * A retry is a job with a date, never a sleep. Should it get lost, the sweep finds the cursor when
 * its time has come.
 */
async function scheduleRetry(
  database: Database,
  task: keyof typeof tasks,
  job: AdvanceJob,
  delayMs: number,
): Promise<void> {
  await database.pool.query(
    `select graphile_worker.add_job(
      $1, $2::json, run_at => clock_timestamp() + $3 * interval '1 millisecond', job_key => $4
    )`,
    [tasks[task], JSON.stringify(job), delayMs, jobKey('retry', job)],
  )
}

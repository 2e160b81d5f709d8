// The wiring of `millrace work`: tasks to runners, notifications to turns, chores to their clocks.
// No decisions here.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, limits } from './config.ts'
import { channels, listen } from './db/listen.ts'
import { schemaProblem } from './db/migrate.ts'
import { type Database, openDatabase } from './db/pool.ts'
import { keepPresence } from './db/presence.ts'
import { watchSkew } from './db/skew.ts'
import { createWaker } from './delivery/wake.ts'
import { startDelivering } from './delivery/work.ts'
import { createPartitions } from './log/partitions.ts'
import type { Logger } from './logger.ts'
import { alertWhatLasts } from './maintenance/alerts.ts'
import { flushEventIds } from './maintenance/event-ids.ts'
import { readAllEventTypes } from './maintenance/event-types.ts'
import { createFigures } from './maintenance/figures.ts'
import { retireRejected } from './maintenance/rejected.ts'
import { finishReplays, retireReplays } from './maintenance/replays.ts'
import { retirePartitions } from './maintenance/retention.ts'
import { createSweep } from './maintenance/sweep.ts'
import { completeWaiting } from './maintenance/waiting.ts'
import { startNotifying } from './notification/run/work.ts'
import { createShopProjection, SHOP } from './notification/shop/project.ts'
import { eachInOrder, type Repeated, repeat } from './repeat.ts'
import { createSecretBox } from './sealing/secret.ts'
import type { Tracer } from './tracer.ts'

const HOUR_MS = 3_600_000

type Worker = {
  /** New events of a tenant may be there. */
  wake(tenant: string): void
  /** A consumer, named `tenant/id`, was stopped or changed. */
  requestHalt(consumer: string): void
  /** The obstacle to its deliveries, as a sentence. Rejects with the database's error. */
  problem(): Promise<string | undefined>
  /** Brings the metrics up to date that the database knows. Never rejects. */
  refresh(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts delivering. `stop` lets events in flight finish, within limits.shutdownMs, and writes the
 * progress.
 */
export async function startWorker(
  config: Config,
  options: { url: string; secretKey: string; logger: Logger; tracer?: Tracer | undefined },
): Promise<Worker> {
  const { url, logger, tracer } = options
  const relaxed = openDatabase(url, { durability: 'relaxed', max: 20, name: 'progress', logger })
  const durable = openDatabase(url, { durability: 'durable', max: 10, name: 'delivery', logger })
  const secrets = createSecretBox(options.secretKey, config.MILLRACE_SECRET_KEY_PREVIOUS)
  const projections = { [SHOP]: createShopProjection(logger) }
  let isStopping = false
  const [presence, listener] = await Promise.all([
    keepPresence(url, logger),
    listen(url, logger),
    createPartitions(durable.pool),
  ])
  const parts = { relaxed, durable, presence, secrets, projections, logger, tracer }
  const delivering = startDelivering(config, parts)
  const notifying = startNotifying(config, { database: durable, presence, secrets, logger })
  const sweep = createSweep(relaxed.pool)
  const waker = createWaker(relaxed.pool, logger)
  const sweepOften = repeat('sweep', config.MILLRACE_SWEEP_MS, logger, sweep.run)
  const skew = watchSkew(durable.pool, logger)
  const chores = startChores(config, durable, logger, () => isStopping)
  const sweepAll = () => {
    sweep.forget()
    sweepOften.now()
  }
  const lookForWork = () => {
    sweepAll()
    notifying.look()
  }
  listener.on(channels.wake, delivering.wake)
  listener.on(channels.halt, delivering.requestHalt)
  listener.on(channels.alert, (text) => {
    const alert: { tenant: string } = JSON.parse(text)
    logger.warn(alert, 'alert')
    waker.wake(alert.tenant)
  })
  listener.onReconnect(sweepAll)
  presence.onChange(() => (presence.session() ? lookForWork() : delivering.expire()))
  lookForWork()

  return {
    wake: delivering.wake,
    requestHalt: delivering.requestHalt,
    async problem() {
      if (isStopping) return 'The worker is stopping.'
      const problem = await schemaProblem(relaxed.pool)
      if (problem) return problem
      const { rows } = await relaxed.pool.query('show transaction_read_only')
      if (rows[0].transaction_read_only === 'on') return 'The database takes no writes.'
      return presence.session() ? undefined : 'Its presence in the database is lost.'
    },
    refresh: createFigures(durable.pool, {
      retentionDays: config.MILLRACE_RETENTION_DAYS,
      logger,
    }),
    async stop() {
      isStopping = true
      const ended = [sweepOften, skew, ...chores].map((repeated) => repeated.stop())
      await Promise.all([delivering.stop(), notifying.stop()])
      // A long chore is cut off.
      await Promise.race([Promise.all(ended), sleep(limits.shutdownMs, undefined, { ref: false })])
      await Promise.all([listener.close(), presence.close()])
      await Promise.all([relaxed.close(), durable.close()])
    },
  }
}

/** The chores: at the start, and then repeatedly. */
function startChores(
  config: Config,
  { pool, kysely }: Database,
  logger: Logger,
  isStopping: () => boolean,
): Repeated[] {
  const { MILLRACE_RETENTION_DAYS: days, MILLRACE_SWEEP_MS: sweepMs } = config
  const hourly = {
    'making partitions': () => createPartitions(pool),
    // Before the retention: names outlive events.
    'reading event names': () => readAllEventTypes({ kysely, pool }),
    async retention() {
      const dropped = await retirePartitions(pool, days)
      if (dropped.length > 0) logger.info({ dropped }, 'partitions retired')
    },
    async 'retiring rejected events'() {
      const removed = await retireRejected(pool, days)
      if (removed > 0) logger.info({ removed }, 'rejected events retired')
    },
    'retiring records of replays': () => retireReplays(kysely),
  }
  const chores = [
    repeat('alerting what lasts', sweepMs, logger, () => alertWhatLasts(kysely)),
    repeat('completing replays', sweepMs, logger, () => completeWaiting(pool)),
    repeat('ending replays', sweepMs, logger, () => finishReplays(kysely)),
    repeat('flushing ids of events', sweepMs, logger, () => flushEventIds(pool)),
    repeat('hourly chores', HOUR_MS, logger, () => eachInOrder(hourly, logger, isStopping)),
  ]
  for (const chore of chores) chore.now()
  return chores
}

// graphile-worker, kept running. It gives up after an outage of the database, and a worker that
// delivers nothing must not look alive. So if a runner ends, or begins to end, without a request,
// another one follows.

import type { Runner } from 'graphile-worker'
import type pg from 'pg'
import type { Logger } from '../logger.ts'
import type { Payloads } from './jobs.ts'
import { whileAway } from './while-away.ts'

/**
 * Retries are jobs with a date. The runner looks for due ones every 200 ms, not 500: retries that
 * fall due between two polls start together. With ten dead targets and a poll every 500 ms, p99 of
 * a thousand integrations was 35 to 53 ms; it is 26 ms now, and 25 ms without dead targets. An idle
 * worker uses 1.4 % of a core instead of 1.0 %.
 */
const POLL_MS = 200
/**
 * How many jobs the runner fetches at once. While every slot is taken they wait for one: if that
 * takes longer than two seconds, the sweep takes them for lost, and queues them again.
 */
const MOST_FETCHED = 64
const RESTART_MS = 200
/** How long, and how often, to ask for a connection while the database is unreachable. */
const AWAY_MS = 10_000
const AWAY_PAUSE_MS = 100

type JobRunner = {
  /** Takes no more jobs, and resolves when the running ones are over. */
  stop(): Promise<void>
}

/** Runs the jobs of one task, `slots` at once. `handle` must not reject. */
export function runJobs<Task extends keyof Payloads>(
  pool: pg.Pool,
  task: Task,
  options: { slots: number; handle: (job: Payloads[Task]) => Promise<void>; logger: Logger },
): JobRunner {
  const { logger } = options
  let runner: Promise<Runner> | undefined
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  const run = async () => {
    const graphile = await import('graphile-worker')
    return graphile.run({
      pgPool: patient(pool, () => !isStopped),
      preset: {
        worker: {
          concurrentJobs: options.slots,
          pollInterval: POLL_MS,
          // Without a local queue every slot polls for itself: an idle worker with 500 slots sends
          // a thousand statements a second, and a busy one sends one statement a job. A full fetch
          // is followed by another one. Completed jobs are reported one by one: one statement for
          // several jobs would deadlock with add_jobs.
          localQueue: { size: Math.min(options.slots, MOST_FETCHED) },
        },
      },
      noHandleSignals: true,
      crontab: ' ',
      logger: new graphile.Logger(() => (level, message) => {
        if (level === 'error') logger.warn({ reason: message }, 'job runner')
      }),
      // Our pools return json as text: db/pool.
      taskList: { [task]: (payload) => options.handle(JSON.parse(payload as string)) },
    })
  }
  const start = () => {
    runner = run()
    let isReplaced = false
    const replace = () => {
      if (isStopped || isReplaced) return
      isReplaced = true
      timer = setTimeout(start, RESTART_MS)
    }
    runner
      .then(({ events, promise }) => {
        // From here on the runner takes no more jobs, but it ends only after the running ones. A
        // busy cursor could delay that without end, so its successor starts now.
        events.once('pool:gracefulShutdown', replace)
        return promise
      })
      .catch((error: Error) => logger.warn({ task, reason: error.message }, 'job runner failed'))
      .finally(replace)
  }
  start()

  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await runner?.then((started) => started.stop()).catch(() => {}) // it has ended already
    },
  }
}

/**
 * The pool for graphile-worker, whose connections wait for the database. After "the database system
 * is starting up" graphile-worker would pause up to 3 s, and it ends a runner that cannot report a
 * finished job.
 */
function patient(pool: pg.Pool, mayGoOn: () => boolean): pg.Pool {
  const connect = (callback?: Parameters<pg.Pool['connect']>[0]) => {
    if (callback) return pool.connect(callback)
    const until = performance.now() + AWAY_MS
    return whileAway(() => pool.connect(), {
      pauseMs: () => AWAY_PAUSE_MS,
      mayWait: () => mayGoOn() && performance.now() < until,
    })
  }
  return new Proxy(pool, {
    get: (target, key) => (key === 'connect' ? connect : Reflect.get(target, key)),
  })
}

// graphile-worker, kept running: it gives up when the database is away for a while, and a worker
// that delivers nothing must not look alive. So a runner that ends, or begins to, before it is told
// to is followed by another one.

import { Logger as GraphileLogger, type Runner, run } from 'graphile-worker'
import type pg from 'pg'
import type { Logger } from '../logger.ts'
import type { Payloads } from './jobs.ts'
import { whileAway } from './while-away.ts'

/**
 * Retries are jobs with a date; the runner looks for due ones this often. Those that came due since
 * then begin together: every 500 ms the retries of ten dead targets did, and who was alive waited
 * for all they ask of Postgres (p99 of a thousand integrations: 35 to 53 ms in four runs, 26 ms so
 * and 25 ms without the dead). A worker that has nothing to do takes 1.4 % of a core, not 1.0 %.
 */
const POLL_MS = 200
const RESTART_MS = 200
/** How long, and how often, a connection is asked for while the database is away. */
const AWAY_MS = 10_000
const AWAY_PAUSE_MS = 100

type JobRunner = {
  /** Takes no more jobs, and resolves when those under way are over. */
  stop(): Promise<void>
}

/** Runs the jobs of one task, `places` at once. `handle` must not reject. */
export function runJobs<Task extends keyof Payloads>(
  pool: pg.Pool,
  task: Task,
  options: { places: number; handle: (job: Payloads[Task]) => Promise<void>; logger: Logger },
): JobRunner {
  const { logger } = options
  let runner: Promise<Runner> | undefined
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  const start = () => {
    runner = run({
      pgPool: patient(pool, () => !isStopped),
      preset: {
        worker: {
          concurrentJobs: options.places,
          pollInterval: POLL_MS,
          // Without it every place asks for itself: a thousand statements a second of a worker with
          // 500 places that has nothing to do (measured), and one job a statement when it has. Jobs
          // that are done go one by one: a statement for many deadlocks with add_jobs.
          localQueue: { size: options.places },
        },
      },
      noHandleSignals: true,
      crontab: ' ',
      logger: new GraphileLogger(() => (level, message) => {
        if (level === 'error') logger.warn({ reason: message }, 'job runner')
      }),
      // json arrives as text on our pools: db/pool.
      taskList: { [task]: (payload) => options.handle(JSON.parse(payload as string)) },
    })
    let isReplaced = false
    const replace = () => {
      if (isStopped || isReplaced) return
      isReplaced = true
      timer = setTimeout(start, RESTART_MS)
    }
    runner
      .then(({ events, promise }) => {
        // It takes no more jobs from here on, but ends only after those under way: a run that has
        // always something to send would keep every other one waiting.
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
 * The pool for graphile-worker, whose connections wait for the database: after "the database system
 * is starting up" it stays away for up to 3 s, and it ends a runner that cannot say that a job is
 * done.
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

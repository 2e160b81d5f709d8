// graphile-worker, kept running: it gives up when the database is away for a while, and a worker
// that delivers nothing must not look alive. So a runner that ends before it is told to is started
// again.

import { Logger as GraphileLogger, type Runner, run } from 'graphile-worker'
import type pg from 'pg'
import type { Logger } from '../logger.ts'
import type { AdvanceJob, tasks } from './jobs.ts'

/** Retries are jobs with a date; the runner looks for due ones this often. */
const POLL_MS = 500
/** Jobs that end within this time of each other are removed together. */
const COMPLETE_MS = 10
const RESTART_MS = 1_000

export type JobRunner = {
  /** Takes no more jobs, and resolves when those under way are over. */
  stop(): Promise<void>
}

/** Runs the jobs of one task, `places` at once. `handle` must not reject. */
export function runJobs(
  pool: pg.Pool,
  task: keyof typeof tasks,
  options: { places: number; handle: (job: AdvanceJob) => Promise<void>; logger: Logger },
): JobRunner {
  const { logger } = options
  let runner: Promise<Runner> | undefined
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  const start = () => {
    runner = run({
      pgPool: pool,
      preset: {
        worker: {
          concurrentJobs: options.places,
          pollInterval: POLL_MS,
          // Without it every place asks for itself: a thousand statements a second of a worker with
          // 500 places that has nothing to do (measured), and one job a statement when it has.
          localQueue: { size: options.places },
          completeJobBatchDelay: COMPLETE_MS,
          failJobBatchDelay: COMPLETE_MS,
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
    runner
      .then((started) => started.promise)
      .catch((error: Error) => logger.warn({ task, reason: error.message }, 'job runner failed'))
      .finally(() => {
        if (!isStopped) timer = setTimeout(start, RESTART_MS)
      })
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

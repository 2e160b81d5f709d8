// graphile-worker with one job an event, on the same PostgreSQL. As it comes: its defaults, but for
// the concurrency, which would be 1. Tuned: the local queue and batched completion of its manual's
// page on performance.

import { Logger, makeWorkerUtils, type Runner, run, type WorkerUtils } from 'graphile-worker'
import { serveCalls } from '../kit/remote.ts'
import { createPost, type JobData, sendJob } from './post.ts'
import { addEach, batchesOf, jobAt, type RivalMethods } from './rival.ts'

const CONCURRENCY = 24
const TUNED_CONCURRENCY = 64
const TASK = 'send'
/** Milliseconds in which completions are collected. */
const BATCHED = { completeJobBatchDelay: 20, failJobBatchDelay: 20 }
const logger = new Logger(() => (level, message) => {
  // The local queue complains of being released, each time that it is.
  if (level === 'error' && !resting) console.error(`graphile-worker: ${message}`)
})

let utils: WorkerUtils | undefined
let runner: Runner | undefined
let resting = false

async function utilsOf(url: string): Promise<WorkerUtils> {
  utils ??= await makeWorkerUtils({ connectionString: url, logger })
  return utils
}

const methods: RivalMethods = {
  async fill(backlog) {
    const { addJobs } = await utilsOf(backlog.url)
    for (const jobs of batchesOf(backlog)) {
      await addJobs(jobs.map((payload) => ({ identifier: TASK, payload })))
    }
  },
  async publish(publishing) {
    const { addJob } = await utilsOf(publishing.url)
    await addEach(publishing, (i) => addJob(TASK, jobAt(i, publishing.tuned)))
  },
  async work({ url, target, tuned }) {
    const concurrency = tuned ? TUNED_CONCURRENCY : CONCURRENCY
    const post = createPost(target, concurrency)
    resting = false
    runner = await run({
      connectionString: url,
      concurrency,
      maxPoolSize: tuned ? 10 : concurrency + 2,
      noHandleSignals: true,
      crontab: ' ',
      logger,
      taskList: { [TASK]: (job) => sendJob(post, job as JobData) },
      ...(tuned ? { preset: { worker: { localQueue: { size: 500 }, ...BATCHED } } } : {}),
    })
  },
  async rest() {
    resting = true
    await runner?.stop()
  },
}

serveCalls({ ping: () => {}, ...methods })

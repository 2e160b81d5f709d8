// The rival: graphile-worker with one job an event, on the same PostgreSQL, in a separate process.
// It is tuned by its manual's page on performance: the local queue and batched completion. Its jobs
// hold the text to send, so that its worker has nothing to build.

import { Logger, makeWorkerUtils, type Runner, run, type WorkerUtils } from 'graphile-worker'
import { sign, signingKey } from '../../src/destination/sign.ts'
import { serveCalls } from '../kit/remote.ts'
import { newEvents, webhookOf } from './events.ts'
import { createPost, SIGNING_SECRET } from './post.ts'

export type Backlog = { url: string; events: number }
export type Work = { url: string; target: string }

const ENTITIES = 4_096
const BATCH = 500
const CONCURRENCY = 64
const TASK = 'send'
const TUNED = { localQueue: { size: 500 }, completeJobBatchDelay: 20, failJobBatchDelay: 20 }
const keys = [signingKey(SIGNING_SECRET)]
const logger = new Logger(() => (level, message) => {
  // The local queue complains of being released, each time that it is.
  if (level === 'error' && !resting) console.error(`graphile-worker: ${message}`)
})

/** The request of an event, except for the parts that depend on the moment. */
type Job = { id: string; key: string; body: string }

let utils: WorkerUtils | undefined
let runner: Runner | undefined
let resting = false

serveCalls({
  ping: () => {},
  async fill({ url, events }: Backlog) {
    utils ??= await makeWorkerUtils({ connectionString: url, logger })
    for (let from = 0; from < events; from += BATCH) {
      const batch = newEvents(Math.min(BATCH, events - from), { entities: ENTITIES, from })
      const jobs = batch.map((event): Job => {
        const { headers, body } = webhookOf(event, Date.now() * 1_000)
        return { id: headers['webhook-id'] as string, key: event.idempotencyKey, body }
      })
      await utils.addJobs(jobs.map((payload) => ({ identifier: TASK, payload })))
    }
  },
  async work({ url, target }: Work) {
    const post = createPost(target, CONCURRENCY)
    resting = false
    runner = await run({
      connectionString: url,
      concurrency: CONCURRENCY,
      maxPoolSize: 10,
      noHandleSignals: true,
      crontab: ' ',
      logger,
      taskList: { [TASK]: (job) => send(post, job as Job) },
      preset: { worker: TUNED },
    })
  },
  /** Finishes what is under way and takes no more jobs. */
  async rest() {
    resting = true
    await runner?.stop()
  },
})

/** The job's work: the same as Millrace's for an event. */
function send(post: ReturnType<typeof createPost>, { id, key, body }: Job): Promise<void> {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const bytes = Buffer.from(body)
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Millrace',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'idempotency-key': key,
    'webhook-signature': sign(keys, id, timestamp, bytes),
  }
  return post(headers, bytes)
}

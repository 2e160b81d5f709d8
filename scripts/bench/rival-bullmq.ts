// BullMQ with one job an event, on Redis, at its best tuning.

import { Queue, Worker } from 'bullmq'
import { serveCalls } from '../kit/remote.ts'
import { createPost, type JobData, sendJob } from './post.ts'
import { addEach, batchesOf, jobAt, type RivalMethods } from './rival.ts'

const QUEUE = 'send'
const CONCURRENCY = 64

let queue: Queue | undefined
let worker: Worker | undefined

function queueOf(path: string): Queue {
  queue ??= new Queue(QUEUE, {
    connection: { path },
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  })
  return queue
}

const methods: RivalMethods = {
  async fill(backlog) {
    for (const jobs of batchesOf(backlog)) {
      await queueOf(backlog.url).addBulk(jobs.map((data) => ({ name: QUEUE, data })))
    }
  },
  async publish(publishing) {
    await addEach(publishing, (i) => queueOf(publishing.url).add(QUEUE, jobAt(i, publishing.tuned)))
  },
  async work({ url: path, target }) {
    const post = createPost(target, CONCURRENCY)
    worker = new Worker<JobData>(QUEUE, ({ data }) => sendJob(post, data), {
      connection: { path, maxRetriesPerRequest: null },
      concurrency: CONCURRENCY,
    })
    worker.on('error', (error) => console.error(`BullMQ: ${error.message}`))
    await worker.waitUntilReady()
  },
  async rest() {
    await worker?.close()
  },
}

serveCalls({ ping: () => {}, ...methods })

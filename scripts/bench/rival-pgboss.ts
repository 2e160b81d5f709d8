// pg-boss with one job an event, on the same PostgreSQL, at its best tuning: as it comes it takes
// one job every two seconds.

import { PgBoss } from 'pg-boss'
import { serveCalls } from '../kit/remote.ts'
import { createPost, type JobData, sendJob } from './post.ts'
import { addEach, batchesOf, jobAt, type RivalMethods } from './rival.ts'

const QUEUE = 'send'
const CONNECTIONS = 64
const WORKERS = 4
const BATCH = 500

let boss: Promise<PgBoss> | undefined

function bossOf(url: string): Promise<PgBoss> {
  boss ??= startBoss(url)
  return boss
}

async function startBoss(url: string): Promise<PgBoss> {
  const made = new PgBoss({ connectionString: url, max: 10, supervise: false, schedule: false })
  made.on('error', (error) => console.error(`pg-boss: ${error.message}`))
  await made.start()
  await made.createQueue(QUEUE)
  return made
}

const methods: RivalMethods = {
  async fill(backlog) {
    const started = await bossOf(backlog.url)
    for (const jobs of batchesOf(backlog)) {
      await started.insert(
        QUEUE,
        jobs.map((data) => ({ data })),
      )
    }
  },
  async publish(publishing) {
    const started = await bossOf(publishing.url)
    await addEach(publishing, (i) => started.send(QUEUE, jobAt(i, publishing.tuned)))
  },
  async work({ url, target }) {
    const started = await bossOf(url)
    const post = createPost(target, CONNECTIONS)
    const options = {
      batchSize: BATCH,
      localConcurrency: WORKERS,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
    }
    await started.work<JobData>(QUEUE, options, async (jobs) => {
      await Promise.all(jobs.map(({ data }) => sendJob(post, data)))
    })
  },
  async rest() {
    await (await boss)?.offWork(QUEUE, { wait: true })
  },
}

serveCalls({ ping: () => {}, ...methods })

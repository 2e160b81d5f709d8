// Publishing and delivering at once, as much as there can be: without the HTTP front, beside the
// rivals, whose jobs are made in a process likewise; then through the whole service, to one webhook
// and to ten.

import { randomUUID } from 'node:crypto'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { startRemote } from '../kit/remote.ts'
import { register, unregister } from './events.ts'
import { byTurns } from './measure.ts'
import { SIGNING_SECRET } from './post.ts'
import { launch } from './process.ts'
import type { Load, LoadResult } from './publish-load.ts'
import { expectWhole, type Receiver, startReceiver } from './receiver.ts'
import { startRedis } from './redis.ts'
import { PUBLISHER_TENANT, type Publishing, type Rival, startRival } from './rival.ts'
import { compare, type Line, type Scenario, type Size } from './scenario.ts'
import type { Stage } from './stage.ts'

const CONNECTIONS = 64
const TIMEOUT_MS = 60_000

const sizes = {
  full: { rounds: 5, serviceRounds: 3, events: 15_000, jobs: 8_000, defaultJobs: 1_000, ms: 900 },
  smoke: { rounds: 1, serviceRounds: 1, events: 2_000, jobs: 500, defaultJobs: 100, ms: 150 },
}

export const together: Scenario = {
  name: 'together',
  async run(stage, size) {
    const receiver = await startReceiver()
    const database = await stage.database('together')
    const [serve, work] = await Promise.all([
      launch('serve', database.url),
      launch('work', database.url),
    ])
    const service = { url: serve.url, databaseUrl: database.url }
    try {
      const beside = await besideRivals(stage, size, receiver, service)
      return [...beside, ...(await throughTheService(size, receiver, service))]
    } finally {
      await Promise.all([receiver.stop(), serve.stop(), work.stop()])
      await database.drop()
    }
  },
}

type Service = { url: string; databaseUrl: string }

/** Publishes so many more events and resolves with events a second when all have arrived. */
type Contender = (count: number) => Promise<number>

async function besideRivals(
  stage: Stage,
  size: Size,
  receiver: Receiver,
  service: Service,
): Promise<Line[]> {
  const { rounds, events, jobs, defaultJobs } = sizes[size]
  const redis = await startRedis(stage)
  const [publisher, graphile, bullmq] = await Promise.all([
    startRemote('bench/publisher-process.ts'),
    startRival('graphile', { stage }, 2),
    redis && startRival('bullmq', { redisUrl: redis.url }, 2),
  ])
  try {
    await register(service.url, ADMIN_TOKEN, 'ours', `${receiver.url}/ours`, {
      tenant: PUBLISHER_TENANT,
      delivery: { max_in_flight: CONNECTIONS, signing_secret: SIGNING_SECRET },
    })
    const ours = contender(receiver, '/ours', (events) =>
      publisher.call('publish', { url: service.databaseUrl, ...events }),
    )
    const asItComes = await rivalContender(receiver, graphile, '/graphile', false)
    const tuned = bullmq && (await rivalContender(receiver, bullmq, '/bullmq', true))
    const contenders: Record<string, () => Promise<number>> = {
      ours: () => ours(events),
      graphile: () => asItComes(defaultJobs),
      ...(tuned ? { bullmq: () => tuned(jobs) } : {}),
    }
    // What is compiled late is compiled now.
    const warmUps = size === 'full' ? 2 : 1
    await byTurns(warmUps, contenders)
    const runs = await byTurns(rounds, contenders)
    await expectWhole(receiver, { path: '/ours', count: (warmUps + rounds) * events })
    const line = (rival: string, key: string, goal: string) =>
      compare(
        'publish and deliver at once, without HTTP in front',
        runs['ours'] as number[],
        { what: rival, runs: runs[key] as number[] },
        goal,
      )
    return [
      line('graphile-worker, a job an event, as it comes', 'graphile', '≥ 10'),
      ...(bullmq ? [line('BullMQ, a job an event, tuned', 'bullmq', '≥ 2')] : []),
    ]
  } finally {
    await Promise.all([graphile.stop(), bullmq?.stop(), publisher.stop()])
    await redis?.stop()
  }
}

async function rivalContender(
  receiver: Receiver,
  { url, publisher, worker }: Rival,
  path: string,
  tuned: boolean,
): Promise<Contender> {
  await worker.call('work', { url, target: receiver.url + path, tuned })
  return contender(receiver, path, (events) =>
    publisher.call('publish', { url, ...events, tuned } satisfies Publishing),
  )
}

function contender(
  receiver: Receiver,
  path: string,
  publish: (events: Omit<Publishing, 'url' | 'tuned'>) => Promise<void>,
): Contender {
  let published = 0
  return async (count) => {
    const started = performance.now()
    await publish({ from: published, count, concurrency: CONNECTIONS })
    published += count
    await receiver.reached(published, TIMEOUT_MS, path)
    return (count * 1000) / (performance.now() - started)
  }
}

async function throughTheService(
  size: Size,
  receiver: Receiver,
  { url }: Service,
): Promise<Line[]> {
  const { serviceRounds, ms } = sizes[size]
  const load = await startRemote('bench/publish-load.ts')
  // Each integration begins with what is published after it was registered.
  await receiver.set({ startsAnywhere: true })
  let before = 0
  try {
    await publishTo(0, ms)
    const runs = await byTurns(serviceRounds, {
      alone: () => publishTo(0, ms),
      one: () => publishTo(1, ms),
      // Ten times as much to deliver: published for a shorter time, for the run to end in time.
      ten: () => publishTo(10, ms / 3),
    })
    return [
      compare('publish over HTTP and deliver to 1 webhook', runs.one, {
        what: 'publishing over HTTP alone',
        runs: runs.alone,
      }),
      compare(
        'publish over HTTP and deliver to 10 webhooks, deliveries',
        runs.ten.map((perSecond) => perSecond * 10),
        { what: 'deliveries to 1 webhook', runs: runs.one },
      ),
    ]
  } finally {
    await load.stop()
  }

  /** Events a second, until each has arrived at each of so many webhooks. */
  async function publishTo(webhooks: number, duration: number): Promise<number> {
    const ids = Array.from({ length: webhooks }, () => randomUUID())
    await receiver.reset()
    for (const id of ids) {
      await register(url, ADMIN_TOKEN, id, `${receiver.url}/${id}`, {
        delivery: { max_in_flight: CONNECTIONS, signing_secret: SIGNING_SECRET },
      })
    }
    const started = performance.now()
    const { published } = await load.call<LoadResult>('run', {
      url,
      token: ADMIN_TOKEN,
      connections: CONNECTIONS,
      warmMs: 0,
      ms: duration,
    } satisfies Load)
    const count = published - before
    before = published
    if (webhooks > 0) await receiver.reached(count * webhooks, TIMEOUT_MS)
    const seconds = (performance.now() - started) / 1000
    for (const id of ids) {
      await expectWhole(receiver, { path: `/${id}`, count })
      await unregister(url, ADMIN_TOKEN, id)
    }
    return count / seconds
  }
}

// Delivering a backlog to one webhook, signed and in order per entity: against a bare loop that
// posts the same bodies to the same receiver, which is the most that this client, receiver and
// machine can do; and against job queues with one job an event.

import { type Remote, startRemote } from '../kit/remote.ts'
import { type Backlog, openBacklog, rateOver, type Span } from './backlog.ts'
import type { BareLoad } from './bare-process.ts'
import { byTurns } from './measure.ts'
import { type Receiver, rateOf, startReceiver } from './receiver.ts'
import { startRedis } from './redis.ts'
import { type Rival, startRival } from './rival.ts'
import { compare, type Line, type Scenario, type Size } from './scenario.ts'
import type { Stage } from './stage.ts'

const DRAIN_TIMEOUT_MS = 60_000
const WARM_UPS = 3
const WARM_UP_MS = 2_000

const sizes = {
  full: {
    events: 100_000,
    rounds: 3,
    // Where nobody waits, the machine's speed is what is measured, and that changes.
    busyRounds: 9,
    rivalRounds: 5,
    warmMs: 800,
    ms: 1_500,
    // For nearly as long as Millrace is measured: the rivals' batches are large.
    jobs: 16_000,
    defaultJobs: 2_000,
  },
  smoke: {
    events: 4_000,
    rounds: 1,
    busyRounds: 1,
    rivalRounds: 1,
    warmMs: 50,
    ms: 150,
    jobs: 500,
    defaultJobs: 100,
  },
}

type Cell = {
  what: string
  latencyMs: number
  slowPart?: number
  slowMs?: number
  maxInFlight: number
  goal: string
}

const cells: Cell[] = [
  ...[0, 5, 50].flatMap((latencyMs) =>
    [16, 64].map((maxInFlight) => ({
      what: `delivery, receiver ${latencyMs} ms, ${maxInFlight} in flight`,
      latencyMs,
      maxInFlight,
      goal: latencyMs === 0 ? '≥ 0.7' : '≥ 0.85',
    })),
  ),
  {
    what: 'delivery, receiver 5 ms, 1 % 500 ms, 64 in flight',
    latencyMs: 5,
    slowPart: 0.01,
    slowMs: 500,
    maxInFlight: 64,
    goal: '≥ 0.85',
  },
]

export const delivery: Scenario = {
  name: 'delivery',
  async run(stage, size) {
    const [receiver, bare] = await Promise.all([
      startReceiver(),
      startRemote('bench/bare-process.ts'),
    ])
    const backlog = await openBacklog(stage, receiver, sizes[size].events)
    try {
      const atRest = await backlog.work.memoryMiB()
      const lines: Line[] = []
      // The smoke run goes through the code once, not through every figure.
      const tried = size === 'full' ? cells : [cells[0], cells.at(-1)].filter((cell) => !!cell)
      if (size === 'full') await warmUp(receiver, bare, backlog)
      for (const cell of tried) lines.push(await againstBare(cell, size, receiver, bare, backlog))
      await receiver.set({ latencyMs: 0, slowPart: 0 })
      const { events } = backlog
      const drained = await backlog.drain(64)
      lines.push({
        what: `delivery of all ${events} events, 0 ms, 64 in flight`,
        figure: drained,
        unit: 'events/s',
        runs: [drained],
      })
      lines.push(...(await againstRivals(stage, size, receiver, backlog)))
      const peak = await backlog.work.peakMemoryMiB()
      return [
        ...lines,
        { what: 'memory of work, at rest', figure: atRest, unit: 'MiB', runs: [atRest] },
        { what: 'memory of work, peak of delivery', figure: peak, unit: 'MiB', runs: [peak] },
      ]
    } finally {
      await Promise.all([backlog.close(), bare.stop(), receiver.stop()])
    }
  },
}

/**
 * What is compiled late is compiled now: both went on becoming faster for some seconds, and the
 * first cell was measured in those.
 */
async function warmUp(receiver: Receiver, bare: Remote, backlog: Backlog): Promise<void> {
  const span = { warmMs: 0, ms: WARM_UP_MS }
  await byTurns(WARM_UPS, {
    bare: () => rateOfBare(receiver, bare, 16, span),
    ours: () => backlog.rate(16, span),
  })
}

async function againstBare(
  cell: Cell,
  size: Size,
  receiver: Receiver,
  bare: Remote,
  backlog: Backlog,
): Promise<Line> {
  const { what, goal, maxInFlight, latencyMs, slowPart = 0, slowMs = 0 } = cell
  const { rounds, busyRounds } = sizes[size]
  await receiver.set({ latencyMs, slowPart, slowMs })
  const span = spanOf(cell, sizes[size])
  const runs = await byTurns(latencyMs === 0 ? busyRounds : rounds, {
    bare: () => rateOfBare(receiver, bare, maxInFlight, span),
    ours: () => backlog.rate(maxInFlight, span),
  })
  const loop = { what: `bare undici loop of ${maxInFlight}`, runs: runs.bare }
  return compare(what, runs.ours, loop, goal)
}

async function rateOfBare(
  receiver: Receiver,
  bare: Remote,
  concurrency: number,
  span: Span,
): Promise<number> {
  await receiver.reset()
  const load: BareLoad = { target: `${receiver.url}/bare`, concurrency }
  await bare.call('start', load)
  const rate = await rateOver(receiver, span)
  await bare.call('stop')
  return rate
}

/**
 * Where the receiver takes its time, the compiler is not what is waited for. With rare slow answers
 * the steady state begins when the first of those are over.
 */
function spanOf({ latencyMs, slowPart, slowMs = 0 }: Cell, span: { warmMs: number; ms: number }) {
  const { warmMs, ms } = span
  if (slowPart) return { warmMs: slowMs + warmMs, ms: ms * 1.5 }
  return latencyMs === 0 ? { warmMs, ms } : { warmMs: warmMs / 2, ms: ms / 2 }
}

async function againstRivals(
  stage: Stage,
  size: Size,
  receiver: Receiver,
  backlog: Backlog,
): Promise<Line[]> {
  const { rivalRounds, warmMs, ms, jobs, defaultJobs } = sizes[size]
  const redis = await startRedis(stage)
  const [graphile, pgboss, bullmq] = await Promise.all([
    startRival('graphile', { stage }, 1),
    startRival('pgboss', { stage }, 1),
    redis && startRival('bullmq', { redisUrl: redis.url }, 1),
  ])
  try {
    const contenders: Record<string, () => Promise<number>> = {
      ours: () => backlog.rate(64, { warmMs, ms }),
      graphile: () => drain(receiver, graphile, { jobs: defaultJobs, tuned: false }),
      graphileTuned: () => drain(receiver, graphile, { jobs, tuned: true }),
      pgboss: () => drain(receiver, pgboss, { jobs, tuned: true }),
      ...(bullmq ? { bullmq: () => drain(receiver, bullmq, { jobs, tuned: true }) } : {}),
    }
    // What is compiled late is compiled now.
    if (size === 'full') await byTurns(1, contenders)
    const runs = await byTurns(rivalRounds, contenders)
    const line = (rival: string, key: string, goal: string) =>
      compare(
        'delivery, receiver 0 ms, 64 in flight',
        runs['ours'] as number[],
        { what: rival, runs: runs[key] as number[] },
        goal,
      )
    return [
      line('graphile-worker, a job an event, as it comes', 'graphile', '≥ 5'),
      line('graphile-worker, a job an event, tuned', 'graphileTuned', '≥ 2'),
      line('pg-boss, a job an event, tuned', 'pgboss', '≥ 2'),
      ...(bullmq ? [line('BullMQ, a job an event, tuned', 'bullmq', '≥ 2')] : []),
    ]
  } finally {
    await Promise.all([graphile, pgboss, bullmq].map((rival) => rival?.stop()))
    await redis?.stop()
  }
}

/** Events a second of a backlog of jobs, without its first fifth, in which it warms up. */
async function drain(
  receiver: Receiver,
  { url, publisher, worker }: Rival,
  { jobs, tuned }: { jobs: number; tuned: boolean },
): Promise<number> {
  await receiver.reset()
  await publisher.call('fill', { url, from: 0, count: jobs, tuned })
  await worker.call('work', { url, target: `${receiver.url}/rival`, tuned })
  await receiver.reached(jobs / 5, DRAIN_TIMEOUT_MS)
  const from = await receiver.sample()
  await receiver.reached(jobs, DRAIN_TIMEOUT_MS)
  const to = await receiver.sample()
  await worker.call('rest')
  return rateOf(from, to)
}

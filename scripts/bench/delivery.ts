// Delivers a backlog to one webhook, signed and in order per entity. It is compared with a bare
// loop that posts the same bodies to the same receiver, which is the most that this client,
// receiver and machine can do; and with a job queue with one job an event.

import { byTurns } from '../kit/measure.ts'
import { type Remote, startRemote } from '../kit/remote.ts'
import { type Backlog, openBacklog, rateOver, type Span } from './backlog.ts'
import type { BareLoad } from './bare-process.ts'
import { type Receiver, rateOf, startReceiver } from './receiver.ts'
import type { Backlog as RivalBacklog, Work } from './rival.ts'
import { compare, type Line, memoryLine, type Scenario, type Size } from './scenario.ts'
import type { Stage } from './stage.ts'

const DRAIN_TIMEOUT_MS = 60_000
const WARM_UPS = 3
const WARM_UP: Span = { warmMs: 0, ms: 2_000 }

const sizes = {
  // If nothing waits, the machine's speed is measured, and that varies: hence more rounds.
  full: { events: 100_000, rounds: 3, busyRounds: 9, warmMs: 800, ms: 1_500, jobs: 16_000 },
  smoke: { events: 4_000, rounds: 1, busyRounds: 1, warmMs: 50, ms: 150, jobs: 500 },
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
    const receiver = await startReceiver()
    const bare = await startRemote('bench/bare-process.ts')
    const backlog = await openBacklog(stage, receiver, sizes[size].events)
    try {
      const atRest = backlog.work.memoryMiB()
      const lines: Line[] = []
      // The smoke run goes through the code once, not through every figure.
      const tried = size === 'full' ? cells : [cells[0], cells.at(-1)].filter((cell) => !!cell)
      // Both become faster for some seconds.
      const warming = {
        bare: () => rateOfBare(receiver, bare, 16, WARM_UP),
        ours: () => backlog.rate(16, WARM_UP),
      }
      if (size === 'full') await byTurns(WARM_UPS, warming)
      for (const cell of tried) lines.push(await againstBare(cell, size, receiver, bare, backlog))
      await receiver.set({ latencyMs: 0, slowPart: 0 })
      const figure = await backlog.drain(64)
      const what = `delivery of all ${backlog.events} events, 0 ms, 64 in flight`
      lines.push({ what, figure, unit: 'events/s', runs: [figure] })
      return [
        ...lines,
        await againstRival(stage, size, receiver, backlog),
        memoryLine('work, at rest', atRest),
        memoryLine('work, peak of delivery', backlog.work.peakMemoryMiB()),
      ]
    } finally {
      await Promise.all([backlog.close(), bare.stop(), receiver.stop()])
    }
  },
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
 * A slow receiver hides the cost of the compiler. With rare slow answers the steady state begins
 * when the first of those are over.
 */
function spanOf({ latencyMs, slowPart, slowMs = 0 }: Cell, span: { warmMs: number; ms: number }) {
  const { warmMs, ms } = span
  if (slowPart) return { warmMs: slowMs + warmMs, ms: ms * 1.5 }
  return latencyMs === 0 ? { warmMs, ms } : { warmMs: warmMs / 2, ms: ms / 2 }
}

async function againstRival(
  stage: Stage,
  size: Size,
  receiver: Receiver,
  backlog: Backlog,
): Promise<Line> {
  const { rounds, warmMs, ms, jobs } = sizes[size]
  const database = await stage.database('rival')
  const rival = await startRemote('bench/rival.ts')
  const contenders = {
    ours: () => backlog.rate(64, { warmMs, ms }),
    rival: () => drain(receiver, rival, { url: database.url, events: jobs }),
  }
  try {
    if (size === 'full') await byTurns(1, contenders) // warms up
    const runs = await byTurns(rounds, contenders)
    const against = { what: 'graphile-worker, a job an event, tuned', runs: runs.rival }
    return compare('delivery, receiver 0 ms, 64 in flight', runs.ours, against, '≥ 2')
  } finally {
    await rival.stop()
    await database.drop()
  }
}

/** Events a second of a backlog of jobs, without its first fifth, in which it warms up. */
async function drain(receiver: Receiver, rival: Remote, backlog: RivalBacklog): Promise<number> {
  const { url, events } = backlog
  await receiver.reset()
  await rival.call('fill', backlog)
  await rival.call('work', { url, target: `${receiver.url}/rival` } satisfies Work)
  await receiver.reached(events / 5, DRAIN_TIMEOUT_MS)
  const from = await receiver.sample()
  await receiver.reached(events, DRAIN_TIMEOUT_MS)
  const to = await receiver.sample()
  await rival.call('rest')
  return rateOf(from, to)
}

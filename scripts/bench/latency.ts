// From publication to arrival, when nothing else happens and at a steady 200 events a second. The
// rival, a poller, follows the same log at the same time: both are asked about the same events.

import { setTimeout as sleep } from 'node:timers/promises'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { startRemote } from '../kit/remote.ts'
import { positionNow, register } from './events.ts'
import type { Polling } from './latency-poller.ts'
import { median, quantile } from './measure.ts'
import { launch } from './process.ts'
import { expectWhole, type Receiver, startReceiver } from './receiver.ts'
import { compare, type Line, type Scenario } from './scenario.ts'
import { createSteady, type Steady } from './steady.ts'

const ENTITIES = 100
const POLL_MS = 100
/** When idle, the next event is published so long after the last one has arrived, at random. */
const GAP_MS = { least: 10, most: 40 }
const RATE = 200
const OURS = '/millrace'
const POLLED = '/polled'
const TIMEOUT_MS = 10_000

const sizes = {
  full: { rounds: 3, idleEvents: 80, flowMs: 1_500 },
  smoke: { rounds: 1, idleEvents: 5, flowMs: 150 },
}

export const latency: Scenario = {
  name: 'latency',
  async run(stage, size) {
    const { rounds, idleEvents, flowMs } = sizes[size]
    const database = await stage.database('latency')
    const [service, receiver, poller] = await Promise.all([
      launch('start', database.url),
      startReceiver({ keepLatencies: true }),
      startRemote('bench/latency-poller.ts'),
    ])
    const steady = createSteady(service.url, { entities: ENTITIES })
    try {
      const polling: Polling = {
        databaseUrl: database.url,
        targetUrl: receiver.url + POLLED,
        after: positionNow(),
        everyMs: POLL_MS,
      }
      await poller.call('start', polling)
      await register(service.url, ADMIN_TOKEN, 'webhook', receiver.url + OURS)
      await idle(steady, receiver, idleEvents / 5) // connections, plans, the compiler
      await bothHaveAll(receiver, steady)

      const idleRounds: Round[] = []
      const flowRounds: Round[] = []
      for (let round = 0; round < rounds; round++) {
        idleRounds.push(await measured(receiver, steady, () => idle(steady, receiver, idleEvents)))
        flowRounds.push(
          await measured(receiver, steady, () => steady.flow({ rate: RATE, ms: flowMs })),
        )
      }
      const count = steady.published()
      await expectWhole(receiver, { path: OURS, count })
      await expectWhole(receiver, { path: POLLED, count })
      return [
        ...linesOf('publish to delivered, idle', idleRounds, {
          p50: '< 10',
          p99: '< 50',
          ratio: '≥ 5',
        }),
        ...linesOf(`publish to delivered, ${RATE} events/s`, flowRounds, {}),
        memoryLine('memory of start, latency', service.peakMemoryMiB()),
      ]
    } finally {
      await steady.stop()
      await poller.stop()
      await service.stop()
      await receiver.stop()
      await database.drop()
    }
  },
}

/** One at a time, each at a random moment. */
async function idle(steady: Steady, receiver: Receiver, events: number): Promise<void> {
  for (let i = 0; i < events; i++) {
    await steady.publish()
    await receiver.reached(steady.published(), TIMEOUT_MS, OURS)
    await sleep(GAP_MS.least + Math.random() * (GAP_MS.most - GAP_MS.least))
  }
}

type Round = { ours: number[]; polled: number[] }

/** The latencies of what is published meanwhile. */
async function measured(
  receiver: Receiver,
  steady: Steady,
  work: () => Promise<unknown>,
): Promise<Round> {
  const before = steady.published()
  await work()
  await bothHaveAll(receiver, steady)
  const [ours, polled] = await Promise.all([receiver.report(OURS), receiver.report(POLLED)])
  return { ours: ours.latenciesMs.slice(before), polled: polled.latenciesMs.slice(before) }
}

async function bothHaveAll(receiver: Receiver, steady: Steady): Promise<void> {
  const count = steady.published()
  await Promise.all([OURS, POLLED].map((path) => receiver.reached(count, TIMEOUT_MS, path)))
}

type Goals = { p50?: string; p99?: string; ratio?: string }

function linesOf(what: string, rounds: Round[], goals: Goals): Line[] {
  const runs = (whose: keyof Round, q: number) => rounds.map((round) => quantile(round[whose], q))
  const line = (name: 'p50' | 'p99', q: number): Line => ({
    what: `${what}, ${name}`,
    figure: median(runs('ours', q)),
    unit: 'ms',
    ...(goals[name] ? { goal: goals[name] } : {}),
    runs: runs('ours', q),
  })
  return [
    line('p50', 0.5),
    line('p99', 0.99),
    {
      ...compare(
        `${what}, polling every ${POLL_MS} ms, p50`,
        runs('polled', 0.5),
        { what: 'Millrace, p50', runs: runs('ours', 0.5) },
        goals.ratio,
      ),
      unit: 'ms',
    },
  ]
}

function memoryLine(what: string, figure: number): Line {
  return { what, figure, unit: 'MiB', runs: [figure] }
}

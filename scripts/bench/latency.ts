// From publication to arrival, when nothing else happens and at a steady 200 events a second.

import { setTimeout as sleep } from 'node:timers/promises'
import { register } from '../kit/client.ts'
import { median, quantile } from '../kit/measure.ts'
import { launch } from './process.ts'
import { expectWhole, type Receiver, startReceiver } from './receiver.ts'
import { type Line, memoryLine, type Scenario } from './scenario.ts'
import { createSteady, type Steady } from './steady.ts'

const ENTITIES = 100
/** When idle, the random pause from an arrival to the next event. */
const GAP_MS = { least: 10, most: 40 }
const RATE = 200
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
    const [service, receiver] = await Promise.all([
      launch('start', database.url),
      startReceiver({ keepLatencies: true }),
    ])
    const steady = createSteady(service.url, { entities: ENTITIES })
    const flow = () => steady.flow({ rate: RATE, ms: flowMs })
    try {
      await register(service.url, 'webhook', receiver.url)
      await measured(receiver, steady, () => idle(steady, receiver, idleEvents / 5)) // warms up
      const idleRounds: number[][] = []
      const flowRounds: number[][] = []
      for (let round = 0; round < rounds; round++) {
        idleRounds.push(await measured(receiver, steady, () => idle(steady, receiver, idleEvents)))
        flowRounds.push(await measured(receiver, steady, flow))
      }
      await expectWhole(receiver, { count: steady.published() })
      return [
        { ...lineOf('publish to delivered, idle, p50', idleRounds, 0.5), goal: '< 10' },
        { ...lineOf('publish to delivered, idle, p99', idleRounds, 0.99), goal: '< 50' },
        lineOf(`publish to delivered, ${RATE} events/s, p50`, flowRounds, 0.5),
        lineOf(`publish to delivered, ${RATE} events/s, p99`, flowRounds, 0.99),
        memoryLine('start, latency', service.peakMemoryMiB()),
      ]
    } finally {
      await Promise.all([service.stop(), receiver.stop()])
      await database.drop()
    }
  },
}

/** One at a time, each at a random moment. */
async function idle(steady: Steady, receiver: Receiver, events: number): Promise<void> {
  for (let i = 0; i < events; i++) {
    await steady.publish()
    await receiver.reached(steady.published(), TIMEOUT_MS)
    await sleep(GAP_MS.least + Math.random() * (GAP_MS.most - GAP_MS.least))
  }
}

/** The latencies of the events published meanwhile. */
async function measured(
  receiver: Receiver,
  steady: Steady,
  work: () => Promise<unknown>,
): Promise<number[]> {
  const before = steady.published()
  await work()
  await receiver.reached(steady.published(), TIMEOUT_MS)
  return (await receiver.report()).latenciesMs.slice(before)
}

function lineOf(what: string, rounds: number[][], q: number): Line {
  const runs = rounds.map((latencies) => quantile(latencies, q))
  return { what, figure: median(runs), unit: 'ms', runs }
}

// From a publisher's request to the arrival at a webhook: when nothing else happens, in one process
// and with serve and work apart, and at a steady pace.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Line } from '../bench/scenario.ts'
import { register } from '../kit/client.ts'
import { quantile } from '../kit/measure.ts'
import type { Command } from '../kit/service.ts'
import { type Arrivals, startArrivals } from './arrivals.ts'
import type { Comparison } from './comparison.ts'
import { both, lineOf, migratedBy, type Name, type Side, startSide } from './side.ts'

const IDLE_EVENTS = 60
/** When idle, the next event is published so long after the last one has arrived, at random. */
const GAP_MS = { least: 10, most: 40 }
const FLOW_MS = 2_000

type Load = {
  what: string
  commands: Command[]
  webhooks: number
  /** Events a second; undefined: one after the other. */
  rate?: number
}

const loads: Load[] = [
  { what: 'idle, start', commands: ['start'], webhooks: 1 },
  { what: 'idle, serve and work', commands: ['work', 'serve'], webhooks: 1 },
  { what: '100 events/s to 8 webhooks, start', commands: ['start'], webhooks: 8, rate: 100 },
  { what: '200 events/s to 1 webhook, start', commands: ['start'], webhooks: 1, rate: 200 },
]

export const latency: Comparison = {
  name: 'latency',
  async run(programs, { serverUrl, rounds }) {
    const arrivals = await startArrivals()
    const lines: Line[] = []
    for (const load of loads) {
      const sides = await both(async (name) => {
        const database = await migratedBy(programs[name], serverUrl)
        return startSide(programs[name], database, load.commands)
      })
      try {
        lines.push(...(await measure(load, sides, arrivals, rounds)))
      } finally {
        await Promise.all([sides.before.stop(), sides.after.stop()])
      }
    }
    arrivals.close()
    return lines
  },
}

async function measure(
  load: Load,
  sides: Record<Name, Side>,
  arrivals: Arrivals,
  rounds: number,
): Promise<Line[]> {
  const names = ['before', 'after'] as const
  let next = 0
  const one = (name: Name) => arrivals.publish(sides[name].url, next++, load.webhooks)
  for (const name of names) {
    for (let i = 0; i < load.webhooks; i++) await register(sides[name].url, `w${i}`, arrivals.url)
    for (let i = 0; i < IDLE_EVENTS; i++) await one(name) // connections, plans, the compiler
  }
  const found = { p50: pair(), p99: pair() }
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const latencies = load.rate
        ? await flow(load.rate, () => one(name))
        : await inTurn(() => one(name))
      found.p50[name].push(quantile(latencies, 0.5))
      found.p99[name].push(quantile(latencies, 0.99))
    }
  }
  return [
    lineOf(`${load.what}, p50`, 'ms', found.p50),
    lineOf(`${load.what}, p99`, 'ms', found.p99),
  ]
}

const pair = (): Record<Name, number[]> => ({ before: [], after: [] })

async function inTurn(one: () => Promise<number[]>): Promise<number[]> {
  const latencies: number[] = []
  for (let i = 0; i < IDLE_EVENTS; i++) {
    latencies.push(...(await one()))
    await sleep(GAP_MS.least + Math.random() * (GAP_MS.most - GAP_MS.least))
  }
  return latencies
}

async function flow(rate: number, one: () => Promise<number[]>): Promise<number[]> {
  const started = performance.now()
  const sent: Promise<number[]>[] = []
  while (performance.now() - started < FLOW_MS) {
    const due = ((performance.now() - started) / 1000) * rate
    while (sent.length < due) sent.push(one())
    await sleep(1)
  }
  return (await Promise.all(sent)).flat()
}

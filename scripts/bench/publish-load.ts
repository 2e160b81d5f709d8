// Publishers, in a separate process: N kept-alive connections, each with one request in flight and
// its own entity, so that the order of an entity's events is known. Closed loop (the next request
// follows the answer) or at a rate (open loop: a request waits if every connection is busy, and its
// wait counts).

import '../../src/heap.js'
import { quantile } from '../kit/measure.ts'
import { serveCalls } from '../kit/remote.ts'
import { newEvent, publishHeaders } from './events.ts'
import { type Answer, createHttpClient } from './http-client.ts'

export type Load = {
  url: string
  token: string
  connections: number
  /** The measured time, after `warmMs` that do not count. */
  ms: number
  warmMs: number
  /** Requests a second; default: as many as are answered. */
  rate?: number
}

export type LoadResult = {
  /** Requests a second that were answered with 201 in the time measured. */
  perSecond: number
  p50: number
  p99: number
  /** How many this URL has answered with 201, ever. */
  published: number
}

const TICK_MS = 1

/** By URL: the next sequence number of each connection's entity, also in later loads. */
const sequencesOf = new Map<string, number[]>()

serveCalls({ ping: () => {}, run })

async function run(load: Load): Promise<LoadResult> {
  const begin = performance.now() + load.warmMs
  const end = begin + load.ms
  const latencies: number[] = []
  const failures: string[] = []
  const sequences = sequencesOf.get(load.url) ?? new Array<number>(load.connections).fill(0)
  sequencesOf.set(load.url, sequences)
  /** The due times of unsent requests, and the idle connections. */
  const due: number[] = []
  const idle: (() => void)[] = []

  const loops = sequences.map((_, entity) => publishInTurn(entity))
  await Promise.all([...loops, load.rate === undefined ? undefined : pace(load.rate)])
  const [failure] = failures
  if (failure) throw new Error(`${failures.length} requests failed. The first one: ${failure}`)
  return {
    perSecond: (latencies.length * 1000) / load.ms,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    published: sequences.reduce((sum, count) => sum + count, 0),
  }

  /** Callbacks, not promises: the generator shares the cores with what is measured. */
  function publishInTurn(entity: number): Promise<void> {
    return new Promise((resolve) => {
      let since = 0
      const client = createHttpClient(load.url, conclude)
      next()

      function next(): void {
        const now = performance.now()
        if (now >= end || failures.length > 0) finish()
        else if (load.rate === undefined) send(now)
        else if (due.length > 0) send(due.shift() as number)
        else idle.push(next)
      }

      function send(moment: number): void {
        since = moment
        const i = (sequences[entity] as number) * load.connections + entity
        const event = newEvent(i, { entities: load.connections })
        client.post(`/events/${event.name}`, publishHeaders(event, load.token), event.payload)
      }

      function conclude(answer: Answer | Error): void {
        const now = performance.now()
        if (since >= begin && now <= end) latencies.push(now - since)
        if (answer instanceof Error) failures.push(answer.message)
        else if (answer.status !== 201) failures.push(`${answer.status} ${answer.body}`)
        else sequences[entity] = (sequences[entity] as number) + 1
        next()
      }

      function finish(): void {
        client.close()
        resolve()
      }
    })
  }

  async function pace(rate: number): Promise<void> {
    const started = performance.now()
    for (let made = 0; performance.now() < end && failures.length === 0; ) {
      const now = performance.now()
      for (; made < ((now - started) / 1000) * rate; made++) {
        // A delay of up to a tick comes from the timer, not from the service.
        due.push(Math.max(started + (made / rate) * 1000, now - TICK_MS))
      }
      for (let count = Math.min(idle.length, due.length); count > 0; count--) idle.shift()?.()
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    for (const wake of idle.splice(0)) wake()
  }
}

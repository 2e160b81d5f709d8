// A backlog in a log, and integrations that begin before it: how fast Millrace delivers it,
// measured at the receiver, in order per entity.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { call, EVENTSTREAM, register } from '../kit/client.ts'
import { fill } from './events.ts'
import { SIGNING_SECRET } from './post.ts'
import { type Launched, launch } from './process.ts'
import { expectWhole, type Receiver, rateOf } from './receiver.ts'
import type { Stage } from './stage.ts'

/**
 * Enough that in-flight events are never limited by entities, of which each sends one at a time.
 */
const ENTITIES = 4_096
const FIRST_TIMEOUT_MS = 20_000
const DRAIN_TIMEOUT_MS = 120_000

/** How long a rate is measured, after how long. */
export type Span = { warmMs: number; ms: number }

export type Backlog = {
  events: number
  work: Launched
  /** Events a second over a span of a new integration's delivery, which is then broken off. */
  rate(maxInFlight: number, span: Span): Promise<number>
  /** Events a second until all have arrived, every one of them. */
  drain(maxInFlight: number): Promise<number>
  close(): Promise<void>
}

/** Fills a database with `events` events and starts `serve` and `work` on it. */
export async function openBacklog(
  stage: Stage,
  receiver: Receiver,
  events: number,
): Promise<Backlog> {
  const database = await stage.database('delivery')
  const { first } = await fill(database.url, events, { entities: ENTITIES })
  const [serve, work] = await Promise.all([
    launch('serve', database.url),
    launch('work', database.url),
  ])
  const startsAt = new Date(Math.floor(first / 1000)).toISOString()

  return {
    events,
    work,
    rate: (maxInFlight, span) =>
      deliver(maxInFlight, (path) => rateOver(receiver, span, { path, most: events })),
    drain: (maxInFlight) =>
      deliver(maxInFlight, async (path) => {
        await receiver.reached(events, DRAIN_TIMEOUT_MS, path)
        const { firstMs, lastMs } = await expectWhole(receiver, { path, count: events })
        return (events * 1000) / (lastMs - firstMs)
      }),
    async close() {
      await Promise.all([serve.stop(), work.stop()])
      await database.drop()
    },
  }

  async function deliver(
    maxInFlight: number,
    measure: (path: string) => Promise<number>,
  ): Promise<number> {
    const id = randomUUID()
    const path = `/${id}`
    await receiver.reset()
    await register(serve.url, id, receiver.url + path, {
      starts_at: startsAt,
      delivery: { max_in_flight: maxInFlight, signing_secret: SIGNING_SECRET },
    })
    const rate = await measure(path)
    await call(`${serve.url}${EVENTSTREAM}/${id}`, { method: 'DELETE' })
    await quiet(receiver)
    await expectWhole(receiver, { path })
    return rate
  }
}

/** Events a second over a span, or until the last one of `most` has arrived. */
export async function rateOver(
  receiver: Receiver,
  { warmMs, ms }: Span,
  { path, most }: { path?: string; most?: number } = {},
): Promise<number> {
  await receiver.reached(1, FIRST_TIMEOUT_MS, path)
  await sleep(warmMs)
  const from = await receiver.sample(path)
  await sleep(ms)
  const to = await receiver.sample(path)
  if (most !== undefined && from.count >= most) throw new Error('The backlog was too short.')
  return rateOf(from, to)
}

/** Resolves when nothing more arrives. */
async function quiet(receiver: Receiver): Promise<void> {
  const count = async () => (await receiver.sample()).count
  let before = -1
  for (let now = await count(); now !== before; now = await count()) {
    before = now
    await sleep(50)
  }
}

// Publishers that keep a journal of every answer, and the comparison of arrivals with it.

import { expect } from 'vitest'
import { publish } from '../../scripts/kit/client.ts'
import type { Receiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'

export type Journal = {
  /** The position of every event with a 201, by key. */
  stored: Map<string, number>
  /** Requests repeated because of no answer, or a 503. */
  repeated: number
}

/**
 * Publishes `events` events over `entities` entities from `publishers` loops at once. An entity
 * belongs to one publisher, which waits for each answer: so an entity's order of publishing is
 * known. A request without an answer is repeated with the same key until it has one.
 */
export async function publishLoad(
  urlOf: () => string,
  options: {
    events: number
    entities: number
    publishers: number
    prefix?: string
    tenant?: string
    /** Filled during the load, for tests that look before its end. */
    stored?: Map<string, number>
  },
): Promise<Journal> {
  const { events, entities, publishers, prefix = 'key', tenant = 'dodici' } = options
  const journal: Journal = { stored: options.stored ?? new Map(), repeated: 0 }
  const loops = Array.from({ length: publishers }, async (_, publisher) => {
    for (let i = publisher; i < events; i += publishers) {
      const key = `${prefix}-${i}`
      const entityId = `entity-${i % entities}`
      const payload = `{"i":${i},"text":"${'x'.repeat(200)}"}`
      const { body } = await until(`an answer for ${key}`, async () => {
        const reply = await publish(urlOf(), { key, entityId, payload, tenant }).catch(
          () => undefined,
        )
        if (reply?.status === 201) return reply
        journal.repeated++
        return undefined
      })
      journal.stored.set(key, body.position)
    }
  })
  await Promise.all(loops)
  return journal
}

/** Waits until every stored event has arrived, and returns how many arrived more than once. */
export async function everythingArrives(receiver: Receiver, journal: Journal): Promise<number> {
  const arrived = new Set<number>()
  let looked = 0
  await until(
    `${journal.stored.size} events have arrived`,
    () => {
      for (; looked < receiver.received.length; looked++) {
        arrived.add(receiver.received[looked]?.position as number)
      }
      return arrived.size >= journal.stored.size
    },
    120_000,
  )
  for (const position of journal.stored.values()) expect(arrived.has(position)).toBe(true)
  expect(arrived.size).toBe(journal.stored.size)
  return receiver.received.length - arrived.size
}

/** Expects the first deliveries of each entity in the order of the log. */
export function expectOrderPerEntity(receiver: Receiver, entities: number): void {
  const newest = new Map<number, number>()
  const seen = new Set<number>()
  for (const { position, body } of receiver.received) {
    if (seen.has(position)) continue
    seen.add(position)
    const entity = Number(/"i":(\d+)/.exec(body.toString())?.[1]) % entities
    expect(position).toBeGreaterThan(newest.get(entity) ?? 0)
    newest.set(entity, position)
  }
}

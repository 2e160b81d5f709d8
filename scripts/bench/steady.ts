// Publishes at an even pace, well below the service's limit, to measure latencies.

import { setTimeout as sleep } from 'node:timers/promises'
import { ADMIN_TOKEN, send } from '../kit/client.ts'
import { type EventOptions, newEvent, publishHeaders, TENANT } from './events.ts'

/** A publisher that goes on numbering where it left off. */
export type Steady = {
  /** One event. Resolves with a 201; throws at any other answer. */
  publish(tenant?: string): Promise<void>
  /**
   * Publishes `rate` events a second for `ms`, over the tenants in turn. Resolves when all are
   * stored.
   */
  flow(options: { rate: number; ms: number; tenants?: string[] }): Promise<number>
  /** Of one tenant, so far. */
  published(tenant?: string): number
}

/**
 * The entities are those of each tenant. Events of an entity wait for each other: so their order
 * is known.
 */
export function createSteady(url: string, options: EventOptions): Steady {
  const { entities, tenant: only = TENANT } = options
  const counts = new Map<string, number>()
  const newest = new Map<string, Promise<void>>()

  return {
    publish: (tenant = only) => publish(tenant),
    async flow({ rate, ms, tenants = [only] }) {
      const started = performance.now()
      const stored: Promise<void>[] = []
      while (performance.now() - started < ms) {
        const wanted = ((performance.now() - started) / 1000) * rate
        while (stored.length < wanted) {
          stored.push(publish(tenants[stored.length % tenants.length] as string))
        }
        await sleep(1)
      }
      await Promise.all(stored)
      return stored.length
    },
    published: (tenant = only) => counts.get(tenant) ?? 0,
  }

  function publish(tenant: string): Promise<void> {
    const i = counts.get(tenant) ?? 0
    counts.set(tenant, i + 1)
    const entity = `${tenant}/${i % entities}`
    const before = newest.get(entity)
    const stored = before ? before.then(() => store(tenant, i)) : store(tenant, i)
    newest.set(entity, stored)
    return stored
  }

  async function store(tenant: string, i: number): Promise<void> {
    const event = newEvent(i, { ...options, tenant })
    const headers = publishHeaders(event, ADMIN_TOKEN)
    const { status, body } = await send(`${url}/events/${event.name}`, {
      headers,
      body: event.payload,
    })
    if (status !== 201) throw new Error(`An event was not stored: ${JSON.stringify(body)}`)
  }
}

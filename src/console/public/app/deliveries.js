// The deliveries of an event: its state for each integration and subscription of the tenant.

import { ask } from './api.js'
import { listIntegrations } from './integrations.js'
import { SUBSCRIPTIONS_PATH } from './subscriptions.js'

/**
 * @typedef {{ kind: 'integration' | 'subscription', id: string, state: string, at: string | null,
 *   version: number | null, replay: number | null, reason: string }} Delivery
 */

/** Requests at a time for the rows of a list. */
const AT_ONCE = 4

/**
 * @param {number | string} position
 * @param {AbortSignal} signal
 * @returns {Promise<Delivery[]>}
 */
export async function readDeliveries(position, signal) {
  const { deliveries } = await ask(`events/${position}/deliveries`, { signal })
  return deliveries
}

/** One in a set of both kinds. @param {Pick<Delivery, 'kind' | 'id'>} delivery */
export const receiverOf = ({ kind, id }) => `${kind} ${id}`

/**
 * The integrations and subscriptions that exist now: those of a delivery may have ended.
 * @param {AbortSignal} signal
 * @returns {Promise<Set<string>>}
 */
export async function readReceivers(signal) {
  const [integrations, subscriptions] = await Promise.all([
    listIntegrations(signal),
    ask(SUBSCRIPTIONS_PATH, { signal }),
  ])
  /** @type {(kind: Delivery['kind'], those: { id: string }[]) => string[]} */
  const all = (kind, those) => those.map(({ id }) => receiverOf({ kind, id }))
  return new Set([...all('integration', integrations), ...all('subscription', subscriptions)])
}

/**
 * Those of several events, each given to `show` when it is there.
 * @param {number[]} positions
 * @param {AbortSignal} signal
 * @param {(position: number, deliveries: Delivery[]) => void} show
 */
export async function readAllDeliveries(positions, signal, show) {
  const waiting = [...positions]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const found = await readDeliveries(next, signal).catch(() => undefined)
      if (signal.aborted) return
      if (found) show(next, found)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

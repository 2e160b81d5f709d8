// Event types as the service shows them.

import { ask } from './api.js'

/**
 * @typedef {{ name: string, entity: string, description: string | null, deprecated: boolean,
 *   last_published_at: string | null, schema?: Record<string, unknown>,
 *   on_violation?: 'reject' | 'warn' }} EventType
 */

const LENGTH = 1_000
/** More are not listed. */
const MOST_PAGES = 5

/**
 * All of a tenant, by name.
 * @param {AbortSignal} signal
 * @returns {Promise<EventType[]>}
 */
export async function listEventTypes(signal) {
  /** @type {EventType[]} */
  const found = []
  let after
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = { limit: LENGTH, after }
    const { event_types, next } = await ask('event-types', { query, signal })
    found.push(...event_types)
    if (!next) break
    after = next
  }
  return found
}

/** @param {string} name */
export const pathOfType = (name) => `event-types/${encodeURIComponent(name)}`

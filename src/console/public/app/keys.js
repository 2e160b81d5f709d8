// API keys as the service shows them, and which of them made which.

import { ask } from './api.js'

const PATH = 'api/v1/api-keys'
const PAGE = 100

/**
 * @typedef {{ id: string, name: string, status: 'active' | 'expired' | 'revoked',
 *   tenants: string[], scopes: string[], teams?: string[], services?: string[],
 *   event_names?: string[], rate?: number, created_at: string, created_by: string,
 *   expires_at?: string, revoked_at?: string, revoked_by?: string }} Key
 */

/** @param {string} [id] */
export const keyPath = (id) => (id === undefined ? PATH : `${PATH}/${id}`)

/**
 * A page of keys, newest first: those for this tenant alone, or all that the caller manages.
 * @param {{ isOfAll: boolean, after: string | null }} wanted
 * @param {AbortSignal} signal
 * @returns {Promise<{ rows: Key[], next: string | null }>}
 */
export async function findKeys({ isOfAll, after }, signal) {
  const query = { limit: PAGE, ...(after === null ? {} : { after }) }
  const { api_keys, next } = await ask(PATH, { query, signal, ...(isOfAll ? { tenant: '' } : {}) })
  return { rows: api_keys, next: next ?? null }
}

/**
 * The active keys that a key made, that those made, and so on.
 * @param {Key[]} keys
 * @param {string} id
 * @returns {Key[]}
 */
export function madeBy(keys, id) {
  const own = keys.filter((key) => isActor(key.created_by, id))
  return own.flatMap((key) => [...(key.status === 'active' ? [key] : []), ...madeBy(keys, key.id)])
}

/** Whether an actor is this key. @param {string} actor @param {string} id */
export const isActor = (actor, id) => actor.startsWith(`API key ${id} (`)

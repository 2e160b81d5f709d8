// Events of the log, as the service answers them.

import { request } from './api.js'
import { eventOf } from './payload.js'

/**
 * @typedef {import('./payload.js').LoggedEvent} LoggedEvent
 * @typedef {Record<string, string | number | undefined>} Search
 */

/**
 * @param {number | string} position
 * @param {AbortSignal} [signal]
 */
export async function readEvent(position, signal) {
  const answer = await request(`events/${position}`, { ...(signal ? { signal } : {}) })
  return eventOf(await answer.text())
}

/** @type {Map<string, Promise<LoggedEvent | void>>} */
const known = new Map()
const MOST_KNOWN = 200

/**
 * An event of the log, which never changes; undefined if it is not there any more.
 * @param {string} tenant
 * @param {number} position
 */
export function rememberedEvent(tenant, position) {
  const key = `${tenant}/${position}`
  // One that cannot be read now may be read later.
  const forget = () => void known.delete(key)
  const found = known.get(key) ?? readEvent(position).catch(forget)
  if (known.size > MOST_KNOWN) known.clear()
  known.set(key, found)
  return found
}

/**
 * A page of a search, and where the next one begins; null at the end. `names` are a union.
 * @param {Search} search
 * @param {{ names?: string[], signal?: AbortSignal }} [options]
 * @returns {Promise<{ events: LoggedEvent[], next: number | null }>}
 */
export async function searchEvents(search, { names = [], signal } = {}) {
  const answer = await request('events', {
    query: { ...search, name: names },
    accept: 'application/x-ndjson',
    ...(signal ? { signal } : {}),
  })
  const events = (await answer.text()).split('\n').filter(Boolean).map(eventOf)
  const [, next] = /[?&](?:after|before)=(\d+)/.exec(answer.headers.get('link') ?? '') ?? []
  return { events, next: next === undefined ? null : Number(next) }
}

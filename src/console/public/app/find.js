// The search of what was understood. An id without a label may be that of an order, a customer or
// any entity: all three are asked, and their events merged.

import { searchEvents } from './events.js'

/**
 * @typedef {import('./payload.js').LoggedEvent} LoggedEvent
 * @typedef {import('./understand.js').Understood} Understood
 */

/** Whether it is the story of something: the oldest event first, with who got it. */
export const isStory = (/** @type {Understood} */ { ids, order_id, customer_id, entity_id }) =>
  ids.length > 0 || [order_id, customer_id, entity_id].some((id) => id !== undefined)

/**
 * A page, and the position that the next one begins after; null at the end.
 * @param {Understood} wanted
 * @param {{ next: number | null, limit: number, signal: AbortSignal }} page
 * @returns {Promise<{ rows: LoggedEvent[], next: number | null }>}
 */
export async function findEvents(wanted, { next, limit, signal }) {
  const isForward = isStory(wanted) || wanted.from !== undefined
  const { order_id, customer_id, entity_id, from, to } = wanted
  const edge = isForward ? 'after' : 'before'
  const shared = {
    order_id,
    customer_id,
    entity_id,
    from,
    to,
    order: isForward ? 'asc' : 'desc',
    limit,
    ...(next === null ? {} : { [edge]: next }),
  }
  const [id] = wanted.ids
  const fields =
    id === undefined ? [{}] : [{ order_id: id }, { customer_id: id }, { entity_id: id }]
  const pages = await Promise.all(
    fields.map((field) => searchEvents({ ...shared, ...field }, { names: wanted.names, signal })),
  )
  const ends = pages.flatMap((page) => (page.next === null ? [] : [page.next]))
  // Beyond the nearest end of a page, events of that search may be missing.
  const end = ends.length === 0 ? null : isForward ? Math.min(...ends) : Math.max(...ends)
  const isWithin = (/** @type {number} */ position) =>
    end === null || (isForward ? position <= end : position >= end)
  const all = new Map(pages.flatMap((page) => page.events).map((one) => [one.position, one]))
  const rows = [...all.values()]
    .filter(({ position }) => isWithin(position))
    .sort((a, b) => (isForward ? a.position - b.position : b.position - a.position))
  return { rows, next: end }
}

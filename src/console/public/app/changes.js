// The history of the configuration as the service shows it: changes, the configuration of a moment,
// and what differs between two moments.

import { ask } from './api.js'

/**
 * `before` is missing if it was added, `after` if it was removed.
 * @typedef {{ path: string, before?: unknown, after?: unknown }} Difference
 * @typedef {{ kind: string, id: string, name?: string }} Thing
 * @typedef {Thing & { changed_at: string, position: number, actor: string, action: string,
 *   reason: string, version: number, status: string, differences: Difference[] }} Change
 * @typedef {{ name?: string, status: string, version: number, changed_at: string,
 *   changed_by: string, reason: string, document: unknown }} State
 * @typedef {Thing & State} Configured
 * @typedef {Thing & { before: State | null, after: State | null, differences: Difference[] }}
 *   ConfiguredDifferently
 * @typedef {Record<string, string | undefined>} Filter
 */

const PAGE = 50
/** A page may be empty and have a next one: the most that are read at once. */
const EMPTY_PAGES = 5

/** All kinds of things, in the order of a choice. */
export const kinds = ['integration', 'subscription', 'job', 'sender', 'event_type', 'key']

/** Where the console shows a thing of a kind. @type {Record<string, (id: string) => string[]>} */
const places = {
  integration: (id) => ['integrations', id],
  subscription: (id) => ['subscriptions', id],
  job: (id) => ['jobs', id],
  event_type: (id) => ['event-types', id],
  key: () => ['keys'],
}

/** The parts of a link to a thing; undefined if no page shows it. @param {Thing} thing */
export const placeOf = ({ kind, id }) => places[kind]?.(id)

/**
 * A page of changes, newest first.
 * @param {Filter} filter
 * @param {number | null} before
 * @param {AbortSignal} signal
 * @returns {Promise<{ rows: Change[], next: number | null }>}
 */
export const findChanges = (filter, before, signal) =>
  filledPage(before, async (next) => {
    const query = { ...filter, limit: PAGE, ...(next === null ? {} : { before: next }) }
    const answer = await ask('changes', { query, signal })
    return { rows: answer.changes, next: answer.next }
  })

/**
 * A page of everything that was configured at a moment.
 * @param {string} moment
 * @param {string | null} after
 * @param {AbortSignal} signal
 * @returns {Promise<{ rows: Configured[], next: string | null }>}
 */
export const findConfiguration = (moment, after, signal) =>
  filledPage(after, async (next) => {
    const query = { as_of: moment, limit: PAGE, ...(next === null ? {} : { after: next }) }
    const answer = await ask('configuration', { query, signal })
    return { rows: answer.configuration, next: answer.next ?? null }
  })

/**
 * A page of what is configured differently now. `next` has the present of the first page.
 * @param {string} moment
 * @param {{ to: string, after: string } | null} from
 * @param {AbortSignal} signal
 * @returns {Promise<{ rows: ConfiguredDifferently[], next: { to: string, after: string } | null }>}
 */
export const findDifferences = (moment, from, signal) =>
  filledPage(from, async (next) => {
    const query = { from: moment, limit: PAGE, ...next }
    const { changed, to, next: after } = await ask('configuration/differences', { query, signal })
    return { rows: changed, next: after === undefined ? null : { to, after } }
  })

/**
 * The first page from `start` on that has rows.
 * @template Row, Next
 * @param {Next | null} start
 * @param {(next: Next | null) => Promise<import('../parts/pages.js').Page<Row, Next>>} read
 */
async function filledPage(start, read) {
  let page = await read(start)
  for (let i = 1; page.rows.length === 0 && page.next !== null && i < EMPTY_PAGES; i++) {
    page = await read(page.next)
  }
  return page
}

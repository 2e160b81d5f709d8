// Understands the text in the one box of the search: a position, a webhook-id, an order, a name, a
// time, or several of them. Pure: the tests ask it directly.

/**
 * `ids` may be those of an order, a customer, or any entity; `tenant` is that of a webhook-id.
 * @typedef {{ position?: number, tenant?: string, ids: string[], order_id?: string,
 *   customer_id?: string, entity_id?: string, names: string[], from?: string,
 *   to?: string }} Understood
 */

/** The microseconds since 1970, from 2001 to 2286; alone or in a webhook-id. */
const POSITION = /^(?:msg_([A-Za-z0-9_-]+)_)?(\d{16})$/
const NAME = /^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*\.([a-z0-9_-]+|\*)$/
const DAY = /^\d{4}-\d\d-\d\d$/
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/
const CLOCK = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/
const LABELLED = /^([a-z_-]+)[:=](.+)$/i
/** A part of JSON or of a header: "order_id": "4711", millrace-position: 1763640000123456. */
const PASTED =
  /"?\b((?:millrace-)?position|(?:order|customer|entity)[_-]id)"?\s*[:=]\s*"?([^\s",}]+)/gi
const DAY_MS = 86_400_000

/** @type {Record<string, 'order_id' | 'customer_id' | 'entity_id'>} */
const ID_LABELS = {
  order: 'order_id',
  order_id: 'order_id',
  customer: 'customer_id',
  customer_id: 'customer_id',
  entity: 'entity_id',
  entity_id: 'entity_id',
  'entity-id': 'entity_id',
  id: 'entity_id',
}

/**
 * @param {string} text
 * @param {Date} [now] the day of a time without one
 * @returns {Understood}
 */
export function understand(text, now = new Date()) {
  /** @type {Understood} */
  const found = { ids: [], names: [] }
  const isDocument = /\{|"\s*:/.test(text)
  const pieces = isDocument
    ? [...text.matchAll(PASTED)].map(([, name, value]) => `${name}:${value}`)
    : text.replace(/^(?:millrace-position|webhook-id):\s*/i, '').split(/\s+/)
  for (const piece of pieces) {
    const clean = piece.replace(/^["'(]+|["'),;]+$/g, '')
    if (clean !== '') read(clean, found, now)
  }
  return found
}

/**
 * @param {string} word
 * @param {Understood} found
 * @param {Date} now
 */
function read(word, found, now) {
  const [, label = '', value = ''] = LABELLED.exec(word) ?? []
  const name = label.toLowerCase()
  const idField = ID_LABELS[name]
  const [, tenant, position] = POSITION.exec(/position$/.test(name) ? value : word) ?? []
  if (tenant !== undefined) found.tenant = tenant
  if (position !== undefined) found.position = Number(position)
  else if (idField) found[idField] = value
  else if (name === 'name') found.names.push(value)
  else if (name === 'from' || name === 'to') found[name] = momentOf(value, now) ?? value
  else if (readTime(word, found, now)) return
  else if (NAME.test(word)) found.names.push(word)
  else found.ids.push(word)
}

/**
 * A time is where the search begins, and a second one where it ends; a day alone is that day.
 * @param {string} word
 * @param {Understood} found
 * @param {Date} now
 */
function readTime(word, found, now) {
  const moment = momentOf(word, now)
  if (moment === undefined) return false
  if (found.from !== undefined) {
    found.to = DAY.test(word) ? after(moment) : moment
  } else {
    found.from = moment
    if (DAY.test(word)) found.to = after(moment)
  }
  return true
}

/** The same time a day later. @param {string} moment */
const after = (moment) => new Date(Date.parse(moment) + DAY_MS).toISOString()

/**
 * @param {string} word
 * @param {Date} now
 */
function momentOf(word, now) {
  const [, hours, minutes, seconds = '0'] = CLOCK.exec(word) ?? []
  if (hours !== undefined) {
    const moment = new Date(now)
    moment.setHours(Number(hours), Number(minutes), Number(seconds), 0)
    return moment.toISOString()
  }
  if (!DAY.test(word) && !MOMENT.test(word)) return undefined
  // Without a zone it is a time of the reader's.
  const moment = new Date(DAY.test(word) ? `${word}T00:00` : word)
  if (Number.isNaN(moment.getTime())) return undefined
  // A time in UTC keeps its microseconds.
  return word.endsWith('Z') ? word : moment.toISOString()
}

// The events of a torture run as pure functions of their serial number. So a million of them need
// no memory, and every byte that arrives can be compared with the published one.

/** Names with their share of a hundred; the entity is the part before the dot. */
const SHARES: [name: string, share: number][] = [
  ['order.created', 12],
  ['order.opened', 13],
  ['order.completed', 13],
  ['order.cancelled', 12],
  ['inventory_transaction.items_received', 15],
  ['return.processed', 15],
  ['invoice.created', 10],
  ['customer.updated', 10],
]

export const NAMES = SHARES.map(([name]) => name)
const ENTITIES = [...new Set(NAMES.map(entityOf))]
/** By index of NAMES: the number of the name's entity. */
const ENTITY_OF = NAMES.map((name) => ENTITIES.indexOf(entityOf(name)))

/** Two tenants share the log; an entity belongs to one of them. */
export const TENANT = 'torture'
export const OTHER_TENANT = 'torture-other'
export const tenantOf = (entityId: number): string => (entityId % 8 === 7 ? OTHER_TENANT : TENANT)

/**
 * The unit of order: an entity is its kind and its id, so that `order 7` and `customer 7` are two.
 */
export function laneOf(entityId: number, name: number): number {
  return entityId * ENTITIES.length + (ENTITY_OF[name] as number)
}

function entityOf(name: string): string {
  return name.slice(0, name.indexOf('.'))
}

/** The name for a roll of a hundred-sided die, 0 to 99, as an index of NAMES. */
export function nameOfRoll(roll: number): number {
  let rest = roll
  return SHARES.findIndex(([, share]) => {
    rest -= share
    return rest < 0
  })
}

const LONG = 'x'.repeat(32_000)

export type Filter = { event_filter?: string[]; entity_filter?: string[] }

/** Whether a filter takes an event (either list names it; no filter takes everything). */
export function takes(filter: Filter | undefined, name: string): boolean {
  if (!filter) return true
  const isNamed = filter.event_filter?.includes(name) ?? false
  return isNamed || (filter.entity_filter?.includes(entityOf(name)) ?? false)
}

/**
 * Spelled so that parsing and serializing would change it. One of 32 is large, so that a file needs
 * an upload in parts.
 */
export function payloadOf(serial: number): string {
  const text = serial % 32 === 0 ? LONG : ''
  const odd = '"price":25.080,"big":12345678901234567890'
  return `{"serial":${serial},${odd},"text":"\\u0000 ü \\/${text}"}`
}

export const keyOf = (serial: number): string => `k${serial}`

/**
 * The serial of a key; undefined if the key does not belong to an event that was meant to be
 * stored.
 */
export function serialOf(key: string): number | undefined {
  return /^k\d+$/.test(key) ? Number(key.slice(1)) : undefined
}

// Random values that fit a schema. Rules that a schema cannot express (a past time, a cron
// schedule, a public host) follow from the name of the field.

import fc from 'fast-check'
import type { Chance } from '../kit/chance.ts'
import type { Schema } from '../kit/document.ts'

/** Part of every secret that the fuzz makes up; no answer and no log line may contain it. */
export const SECRET = 'Secret4Fuzz'

/** The sources of values. */
export type World = {
  chance: Chance
  /** Part of the ids and texts of one tenant, and of no other's. */
  marker: string
  /** A port on loopback to which nobody may connect. */
  listenerPort: number
  /** Known ids, by the path parameter that takes them. */
  ids: Map<string, string[]>
  /** An API key of the tenant, that asks for tokens. */
  key: { id: string; token: string }
}

const SHARE_OF_OPTIONAL = 0.4
const LONGEST_LIST = 4

/** A value of the schema. `name` is that of the field, or of its array. */
export function draw(schema: Schema, name: string, world: World): unknown {
  const { chance } = world
  const known = hints[name]
  if (known && schema.type !== 'array' && schema.type !== 'object') return known(world)
  if (schema.enum) return chance.pick(schema.enum)
  if (schema.const !== undefined) return schema.const
  if (schema.anyOf) return draw(chance.pick(schema.anyOf), name, world)
  switch (schema.type) {
    case 'object':
      return objectOf(schema, name, world)
    case 'array':
      return listOf(schema, name, world)
    case 'integer':
      return chance.whole(schema.minimum ?? 0, Math.min(schema.maximum ?? 1_000, 100_000))
    case 'number':
      return chance.whole(schema.minimum ?? 0, schema.maximum ?? 1_000)
    case 'boolean':
      return chance.happens(0.5)
    case 'null':
      return null
    default:
      return textOf(schema, world)
  }
}

function objectOf(schema: Schema, name: string, world: World): Record<string, unknown> {
  const { chance } = world
  const { properties = {}, required = [], propertyNames, additionalProperties: of } = schema
  const object: Record<string, unknown> = {}
  for (const [field, of] of Object.entries(properties)) {
    if (!required.includes(field) && !chance.happens(SHARE_OF_OPTIONAL)) continue
    object[field] = draw(of, field, world)
  }
  if (propertyNames && typeof of === 'object') {
    for (let left = chance.whole(0, LONGEST_LIST); left > 0; left--) {
      const key = textOf({ ...propertyNames, maxLength: 20 }, world)
      const text = textOf(of, world)
      object[key] = name === 'headers' ? `${SECRET} ${text}`.slice(0, of.maxLength) : text
    }
  }
  // A payload, or any other free object.
  if (Object.keys(properties).length === 0 && !propertyNames) {
    object['id'] = world.marker
    object['amount'] = chance.whole(1, 1_000)
  }
  return object
}

function listOf({ items = {}, minItems = 0, maxItems }: Schema, name: string, world: World) {
  const longest = Math.min(maxItems ?? LONGEST_LIST, LONGEST_LIST)
  const length = world.chance.whole(minItems, Math.max(minItems, longest))
  return Array.from({ length }, () => draw(items, name, world))
}

const patterns = new Map<string, fc.Arbitrary<string>>()

function textOf(schema: Schema, { chance, marker }: World): string {
  const { pattern, minLength = 0, maxLength = 255, format, examples } = schema
  if (examples && chance.happens(0.5)) return String(chance.pick(examples))
  if (format === 'date-time') return timeBefore(chance)
  if (format === 'uuid') return chance.uuid()
  if (format === 'email') return `${marker}@example.com`
  if (pattern === undefined) return `${marker} ${chance.whole(0, 999)}`.slice(0, maxLength)
  const texts = patterns.get(pattern) ?? fc.stringMatching(new RegExp(pattern))
  patterns.set(pattern, texts)
  const [text = ''] = fc.sample(texts, { seed: chance.whole(0, 2 ** 31 - 1), numRuns: 1 })
  // Cut if it is too long: most patterns also match a prefix of a match.
  return text.slice(0, maxLength).padEnd(minLength, '0')
}

const DAY_MS = 86_400_000

function timeBefore(chance: Chance): string {
  return new Date(Date.now() - chance.whole(1, 20 * DAY_MS)).toISOString()
}

/** A URL with a host that nobody resolves, so that nobody is called. */
function urlOf({ chance, marker, listenerPort }: World): string {
  // This name leads nowhere at its registration, and to loopback later.
  const host = chance.happens(0.2) ? `rebound.fuzz.test:${listenerPort}` : 'nobody.fuzz.test'
  return `${chance.pick(['http', 'https'])}://${host}/${marker}`
}

const secretOf = ({ chance }: World) => `${SECRET}${chance.whole(100_000, 999_999)}`
const events = ['order.created', 'order.shipped', 'customer.updated', 'invoice.created']
const idOf = ({ chance, marker }: World) => `${marker}-${chance.whole(0, 999_999)}`

const hints: Record<string, (world: World) => unknown> = {
  id: idOf,
  entity_id: idOf,
  callback_url: urlOf,
  endpoint: urlOf,
  url: urlOf,
  queueUrl: (world) => (world.chance.happens(0.5) ? `${urlOf(world)}/0/queue` : 'a-queue'),
  api_key: secretOf,
  aws_access_key_id: secretOf,
  aws_secret_access_key: secretOf,
  accessKey: secretOf,
  accessSecret: secretOf,
  // The newest of the log holds up something; see batch.ts.
  position: ({ chance, ids }) => (chance.happens(0.9) && Number(ids.get('position')?.at(-1))) || 17,
  event_filter: ({ chance }) => chance.pick(events),
  // A call that waits longer would count as a hang.
  wait: ({ chance }) => chance.whole(0, 1),
  entity_filter: ({ chance }) => chance.pick(['order', 'customer', 'wishlist']),
  event_names: ({ chance }) => chance.pick([...events, 'order.*', '*']),
  event_name: ({ chance }) => chance.pick(events),
  entity_name: ({ chance }) => chance.pick(['CUSTOMER', 'WISHLIST', 'PRICE', 'InventoryLevel']),
  schedule: ({ chance }) => chance.pick(['0 9 * * 1-5', '*/5 * * * *', '0 0 1 1 *']),
  timezone: ({ chance }) => chance.pick(['UTC', 'Europe/Berlin', 'Asia/Kathmandu']),
  expires_at: ({ chance }) => new Date(Date.now() + chance.whole(1, 30) * DAY_MS).toISOString(),
  'correlation-ids': ({ chance, marker }) =>
    chance.pick(['{}', `{"order_id":"${marker}"}`, `{"customer_id":"${marker}-2"}`]),
  traceparent: ({ chance }) =>
    chance.pick(['00', '01', 'ff', '0']) +
    `-${'4bf92f3577b34da6'.repeat(chance.whole(1, 2))}-00f067aa0ba902b7-` +
    chance.pick(['00', '01', '01-more', '']),
}

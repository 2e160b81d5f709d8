// Turns an event of the log into changes of the shop. Pure. An unreadable entity becomes a value
// with the reason: it is skipped, and the stream goes on.

import type { Compile } from 'typebox/compile'
import { isObject, parseJson } from '../../input/json.ts'
import { typebox } from '../../lazy.ts'
import { entityOf, type LoggedEvent } from '../../log/event.ts'
import { type Entity, type EntityValue, entities } from './entity.ts'

/** One entity after the change of one event. `entry`: its index in a bulk operation. */
export type EntityChange = {
  [Name in Entity]: {
    entity: Name
    id: string
    position: number
    entry: number
    isDeleted: boolean
    value: EntityValue<Name>
  }
}[Entity]

export type Unreadable = { position: number; entry: number; reason: string }
type Decoded = { changes: EntityChange[]; unreadable: Unreadable[] }

/** By entity; compiled with its first value. */
const validators: Partial<Record<Entity, ReturnType<typeof Compile>>> = {}
/** Other actions do not change the entity itself, such as customer.address_created. */
const OPERATION = /^(bulk_)?(creat|updat|delet|chang|upsert|patch)e?d?$/i
const DELETION = /deleted?$/i

/** The changes in an event. */
export function decodeEvent(event: LoggedEvent): Decoded {
  const { position, name, entityId } = event
  const entity = entityOf(name) as Entity
  const operation = name.slice(entity.length + 1)
  const decoded: Decoded = { changes: [], unreadable: [] }
  if (!(entity in entities) || !OPERATION.test(operation)) return decoded
  const isDeleted = DELETION.test(operation)
  const content = contentOf(event, isDeleted)
  if ('reason' in content) {
    decoded.unreadable.push({ position, entry: 0, reason: content.reason })
    return decoded
  }
  // If there are several, each must have its own id.
  const ownId = content.list.length === 1 ? entityId : undefined
  for (const [entry, given] of content.list.entries()) {
    // A deletion may consist of ids alone.
    const value = isDeleted && typeof given === 'string' ? { id: given } : given
    const id = isObject(value) && value['id'] !== undefined ? value['id'] : ownId
    const reason = faultIn(entity, value) ?? (id === undefined ? 'id is missing' : undefined)
    if (reason) decoded.unreadable.push({ position, entry, reason })
    else {
      const change = { entity, id: String(id), position, entry, isDeleted, value }
      decoded.changes.push(wellFormed(change) as EntityChange)
    }
  }
  return decoded
}

/** The entities in an event, or why they cannot be read. */
function contentOf(
  { payload, entityId }: LoggedEvent,
  isDeleted: boolean,
): { list: unknown[] } | { reason: string } {
  const posted: unknown = JSON.parse(payload)
  const collected = isObject(posted) ? posted['event_payload'] : undefined
  // The payload of a gateway event is its entity.
  if (!isObject(collected)) return { list: [posted] }
  const encoded = collected['base64_encoded_payload_json']
  if (isDeleted && !encoded) return { list: [{ id: collected['entity_id'] ?? entityId }] }
  if (typeof encoded !== 'string') return { reason: 'base64_encoded_payload_json is not a text' }
  const parsed = parseJson(Buffer.from(encoded, 'base64'))
  if ('fault' in parsed) {
    return { reason: parsed.fault.message.replace(/^body/, 'base64_encoded_payload_json') }
  }
  return { list: Array.isArray(parsed.value) ? parsed.value : [parsed.value] }
}

function faultIn(entity: Entity, value: unknown): string | undefined {
  validators[entity] ??= typebox.compile().Compile(entities[entity])
  const validator = validators[entity]
  if (validator.Check(value)) return undefined
  const [error] = validator.Errors(value)
  return `${error?.instancePath.slice(1).replaceAll('/', '.') || 'entity'} ${error?.message}`
}

/** JSON allows a lone surrogate; a text of Postgres does not. */
function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.toWellFormed() as T
  if (Array.isArray(value)) return value.map(wellFormed) as T
  if (!isObject(value)) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, wellFormed(inner)])
  return Object.fromEntries(entries) as T
}

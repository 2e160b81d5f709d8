// What an event is: as a publisher hands it over, and as the log gives it back.

import { Type } from 'typebox'

/** An event to append. Texts are checked by whoever makes one; the table checks them again. */
export type NewEvent = {
  tenant: string
  name: string
  entityId: string
  idempotencyKey: string
  team: string
  service: string
  /** A JSON object of strings, as text. */
  correlationIds: string
  /** One JSON object in UTF-8, passed on byte for byte. */
  payload: Buffer
}

/**
 * What came of an append: appended, a duplicate (same key, same payload: the first one's position),
 * or refused since the key was used with another payload.
 */
export type Appended = { outcome: 'appended' | 'duplicate' | 'key_reused'; position: number }

/** An event as the log gives it to a consumer. */
export type LoggedEvent = {
  position: number
  name: string
  entityId: string
  idempotencyKey: string
  payload: string
}

/** What an action does to its entity, by how it ends: event_class in 0011_collector.sql. */
export type EventClass = 'create' | 'change' | 'delete'

/**
 * Which events a consumer takes: those that either list names, of these classes where they are
 * given.
 */
export type EventFilter = { names: string[]; entities: string[]; classes?: EventClass[] }

/** What an event tells, as documents describe it: open, since nobody looks into it. */
export const Payload = Type.Object(
  {},
  {
    title: 'Payload',
    additionalProperties: true,
    description: 'One JSON object, passed on byte for byte.',
    examples: [{ id: '04d02325-f4ea-4a7b-bfeb-2ff74a0e1a0d', grand_total: 320.08 }],
  },
)

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/

/** Of an event's name, as a pattern of JSON Schema; it has 255 characters at most. */
export const NAME_PATTERN = NAME.source

export const isEventName = (text: string): boolean => text.length <= 255 && NAME.test(text)

/** "order" of "order.created": what stands before the first dot. */
export function entityOf(name: string): string {
  const dot = name.indexOf('.')
  return dot === -1 ? name : name.slice(0, dot)
}

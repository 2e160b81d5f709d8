// The types of an event: from a publisher, and from the log.

import { Type } from 'typebox'
import type { Fault } from '../errors.ts'
import { ruled } from '../input/pattern.ts'

/** An event to append. Its maker checks the texts; the table checks them again. */
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
  /** False: imported, for reading and replays alone. Live streams pass over it. */
  live: boolean
  /** The trace in which it was published, as traceparentOf gives it. */
  traceparent: string | null
}

/**
 * The outcome of an append: appended; a duplicate (same key and payload, with the first one's
 * position); or refused, since the key was used with another payload.
 */
export type Appended = { outcome: 'appended' | 'duplicate' | 'key_reused'; position: number }

/** The outcome of a publish: `warnings` are breaches of the schema of the event's type. */
export type Published = Appended & { warnings?: Fault[] }

/** An event from the log, for a consumer. */
export type LoggedEvent = {
  position: number
  name: string
  entityId: string
  idempotencyKey: string
  traceparent: string | null
  payload: string
}

/** The class of an action, by its ending: see sql/functions/event_class.sql. */
export type EventClass = 'create' | 'change' | 'delete'

/**
 * The events that a consumer takes: those named in either list, and, if classes are given, of these
 * classes.
 */
export type EventFilter = {
  names: string[]
  entities: string[]
  classes?: EventClass[]
  /** Set if it may name alerts: those about this consumer are not taken. */
  notAbout?: string
}

/** The events of one stream of a consumer. A null filter takes everything except alerts. */
export type Selection = {
  filter: EventFilter | null
  /** Of a live stream, run 0: it passes over imported events. A replay takes them. */
  isLive: boolean
}

/** A payload as documents and tests show it. */
export const EXAMPLE_PAYLOAD = { id: '04d02325-f4ea-4a7b-bfeb-2ff74a0e1a0d', grand_total: 320.08 }

/** The payload in API documents: an open object, since Millrace does not look into it. */
export const Payload = Type.Object(
  {},
  {
    title: 'Payload',
    additionalProperties: true,
    description: 'One JSON object, passed on byte for byte.',
    examples: [EXAMPLE_PAYLOAD],
  },
)

const notKnown = 'Nothing was stored, or the outcome is unknown: send the same request again'

/** The failures of an append, for API documents. */
export const appendFailures = {
  500: { description: `${notKnown}.` },
  503: { description: `${notKnown} after \`Retry-After\`.` },
}

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/

/** The pattern of an event's name in JSON Schema; a name has at most 255 characters. */
export const NAME_PATTERN = ruled(
  NAME.source,
  'be <entity>.<action> of letters, digits, _ and -, like order.created',
)

export const isEventName = (text: string): boolean => text.length <= 255 && NAME.test(text)

/** "order" of "order.created": the part before the first dot. */
export function entityOf(name: string): string {
  const dot = name.indexOf('.')
  return dot === -1 ? name : name.slice(0, dot)
}

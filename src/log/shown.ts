// An event as readers of the log see it: JSON text, with the payload's bytes as they were
// published. Only the other fields are made here.

import { sql } from 'kysely'
import { Type } from 'typebox'
import { Payload } from './event.ts'
import { PositionValue, timeOf } from './position.ts'

/** A row of `shownColumns`. */
export type ShownEvent = {
  position: number
  name: string
  entityId: string
  idempotencyKey: string
  correlationIds: Record<string, string>
  team: string
  service: string
  traceparent: string | null
  /** The text of the payload. */
  payload: string
  /** False: imported. Searches find it; streams pass over it. */
  live: boolean
}

/** The columns of `event` that make a ShownEvent. */
export const shownColumns = sql`
  position, name, entity_id as "entityId", idempotency_key as "idempotencyKey",
  correlation_ids as "correlationIds", team, service, traceparent, payload, live`

/** An event of the log, in API documents. */
export const EventOfLog = Type.Object(
  {
    position: PositionValue('Its place in the log: the microsecond of its publication.'),
    published_at: Type.String({ format: 'date-time', description: 'The position as a time, UTC.' }),
    name: Type.String({ examples: ['order.created'] }),
    entity_id: Type.String({ examples: ['order-1'] }),
    idempotency_key: Type.String({ examples: ['123816c3-e9b2-440b-8d27-dfaa4cae0bbc'] }),
    correlation_ids: Type.Object(
      { order_id: Type.Optional(Type.String()), customer_id: Type.Optional(Type.String()) },
      { examples: [{ order_id: 'order-1' }] },
    ),
    team: Type.String({ examples: ['team-orders'] }),
    service: Type.String({ examples: ['shop'] }),
    traceparent: Type.Optional(
      Type.String({
        description: 'The trace in which it was published, by W3C Trace Context; if it has one.',
        examples: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
      }),
    ),
    payload: Payload,
  },
  { title: 'EventOfLog' },
)

/** The event as JSON text on one line: a line break between tokens of its payload is a space. */
export function lineOfEvent(event: ShownEvent): string {
  return textOfEvent({ ...event, payload: event.payload.replaceAll(/[\r\n]/g, ' ') })
}

/** The event as JSON text. */
export function textOfEvent(event: ShownEvent): string {
  const { position, name, entityId, idempotencyKey, correlationIds, team, service, traceparent } =
    event
  const fields = JSON.stringify({
    position,
    published_at: timeOf(position),
    name,
    entity_id: entityId,
    idempotency_key: idempotencyKey,
    correlation_ids: correlationIds,
    team,
    service,
    traceparent: traceparent ?? undefined,
  })
  return `${fields.slice(0, -1)},"payload":${event.payload}}`
}

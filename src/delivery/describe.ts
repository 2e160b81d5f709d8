// What the OpenAPI document says of what was delivered: logs, rejected events, statistics.

import { Type } from 'typebox'

const DateTime = Type.String({ format: 'date-time' })
export const Logs = Type.Object({
  entries: Type.Array(
    Type.Object({ created_at: DateTime, action: Type.String(), reason: Type.String() }),
  ),
})
export const RejectedEventList = Type.Object({
  rejected_events: Type.Array(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      created_at: DateTime,
      name: Type.String(),
      position: Type.Integer(),
      status: Type.Integer({ description: 'What the target answered.' }),
      response: Type.String({ description: 'The start of what it said, secrets masked.' }),
    }),
  ),
})
export const Deleted = Type.Object({ deleted: Type.Integer() })
export const Delivered = Type.Object({ delivered: Type.Integer() })
export const RejectedEventShown = Type.Object({
  tenant: Type.String(),
  name: Type.String(),
  published_at: DateTime,
  payload: Type.Object({}),
})
const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const StatisticsShown = Type.Object({
  status: Type.Enum(['running', 'interrupted', 'stopped', 'completed', 'deleted']),
  lag_events: Type.Integer({ description: 'Events that pass the filter and were not taken yet.' }),
  lag_seconds: Type.Number({ description: 'The age of the oldest of them.' }),
  events_per_second: Type.Number({ description: 'Delivered, over the last minute.' }),
  last_delivery_at: Nullable(DateTime),
  failures_in_a_row: Type.Integer(),
  next_retry_at: Nullable(DateTime),
  latency_ms: Type.Object(
    { p50: Nullable(Type.Number()), p90: Nullable(Type.Number()), p99: Nullable(Type.Number()) },
    { description: 'From publication to delivery, over the last hour, in steps of 1, 2, 4, … ms.' },
  ),
  replay: Nullable(
    Type.Object({
      delivered: Type.Integer(),
      rejected: Type.Integer({ description: 'Answered with 400.' }),
      total: Type.Integer({ description: 'These two, and what is still to be sent.' }),
      estimated_seconds_left: Nullable(Type.Integer()),
    }),
  ),
})
export const eventParameter = {
  in: 'path' as const,
  name: 'event_id',
  required: true,
  schema: Type.String({ format: 'uuid' }),
  description: 'Unique identifier of the rejected event.',
  example: '1a8a5052-8741-4daf-982e-e0a12990335a',
}

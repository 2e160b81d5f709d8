// OpenAPI descriptions of the history: logs, rejected events, statistics.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import { Nullable } from '../input/nullable.ts'
import { Payload } from '../log/event.ts'
import { PositionValue } from '../log/position.ts'

const DateTime = Type.String({ format: 'date-time' })
const Text = (example: string, description?: string) =>
  Type.String({ examples: [example], ...(description ? { description } : {}) })

export const Logs = Type.Object(
  {
    entries: Type.Array(
      Type.Object(
        {
          created_at: DateTime,
          action: Text('integration_started'),
          reason: Text('Registered via API.'),
          actor: Text(
            'API key 0c9be2f17a35 (ops)',
            'A key, a token, or `millrace` itself, which sends.',
          ),
        },
        { title: 'LogEntry' },
      ),
      { maxItems: limits.logEntries },
    ),
  },
  { title: 'LogEntryList' },
)
export const RejectedEventList = Type.Object(
  {
    rejected_events: Type.Array(
      Type.Object(
        {
          id: Type.String({ format: 'uuid' }),
          created_at: DateTime,
          name: Text('order.created'),
          position: PositionValue('The position of the event in the log.'),
          cause: Type.Enum(['rejected', 'skipped'], {
            description: 'By the target, or by a person (`_skip`).',
          }),
          status: Type.Union([Type.Integer(), Type.Null()], {
            examples: [400],
            description: "The target's answer. Null: a skipped event had none.",
          }),
          response: Text('no such product', 'The start of its body, with secrets masked.'),
        },
        { title: 'RejectedEventEntry' },
      ),
      { maxItems: limits.rejectedEvents },
    ),
  },
  { title: 'RejectedEventList' },
)
export const Deleted = Type.Object({ deleted: Type.Integer() }, { title: 'DeletedCount' })
export const Delivered = Type.Object({ delivered: Type.Integer() }, { title: 'DeliveredCount' })
const Count = (description: string) =>
  Type.Integer({ format: 'int64', examples: [1_204], description })
/** An event as receivers get it; rejected events have the same form. */
export const DeliveredEvent = Type.Object(
  {
    tenant: Text('dodici'),
    name: Text('order.created', 'A name of `GET /event-types`, or any other.'),
    published_at: DateTime,
    payload: Payload,
  },
  { title: 'DeliveredEvent' },
)
const Milliseconds = Nullable(Type.Number())
export const Latencies = Type.Object(
  { p50: Milliseconds, p90: Milliseconds, p99: Milliseconds },
  {
    title: 'Latencies',
    description: 'From publication to delivery, in steps of 1, 2, 4, ... ms.',
  },
)
export const StatisticsShown = Type.Object(
  {
    status: Type.Enum(['running', 'interrupted', 'stopped', 'completed', 'deleted']),
    lag_events: Type.Integer({
      description: 'Events that pass the filter and are not delivered yet.',
    }),
    lag_seconds: Type.Number({ description: 'The age of the oldest of them.' }),
    events_per_second: Type.Number({ description: 'Delivered, over the last minute.' }),
    last_delivery_at: Nullable(DateTime),
    failures_in_a_row: Type.Integer({ default: 0 }),
    next_retry_at: Nullable(DateTime),
    /** Over the last hour. */
    latency_ms: Latencies,
    counts: Type.Object(
      {
        since: Type.String({
          format: 'date-time',
          description:
            'Its registration. Of an ended one, at most the retention ago; of one older than ' +
            'migration 0034, that.',
        }),
        passed: Count('Events that passed the filter: the delivered and the rejected.'),
        delivered: Count('Accepted by the target.'),
        rejected: Count('Answered with 400, whatever became of them later.'),
        filtered_out: Count('Events that the filter did not take.'),
      },
      { title: 'EventCounts', description: 'What its own stream has settled; exact.' },
    ),
    replay: Nullable(
      Type.Object(
        {
          delivered: Type.Integer(),
          rejected: Type.Integer({ default: 0, description: 'Answered with 400.' }),
          taken_later: Type.Integer({
            default: 0,
            description: 'The rejected events that a later retry delivered.',
          }),
          total: Type.Integer({
            description: 'The delivered, the rejected and the unsent events.',
          }),
          estimated_seconds_left: Nullable(Type.Integer()),
        },
        { title: 'ReplayProgress' },
      ),
    ),
  },
  { title: 'Statistics' },
)
export const eventParameter = {
  in: 'path' as const,
  name: 'event_id',
  required: true,
  schema: Type.String({ format: 'uuid' }),
  description: 'Unique identifier of the rejected event.',
  example: '1a8a5052-8741-4daf-982e-e0a12990335a',
}

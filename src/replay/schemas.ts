// The replays of a consumer in the API: their body, their answers, and their parameters.

import { type Static, Type } from 'typebox'
import { limits } from '../config.ts'
import { nextPage } from '../input/next-page.ts'
import { Nullable } from '../input/nullable.ts'
import { queryParameter } from '../input/query.ts'
import { DateTime, FilterConditions } from '../integration/integration.ts'
import { Warnings } from '../log/warning.ts'

const Time = Type.String({ format: 'date-time' })

export const NewReplay = Type.Object(
  {
    from: DateTime('The time of the first event; not in the future.'),
    to: DateTime('The time of the last event. One in the future means the start of the replay.'),
    filter_conditions: Type.Optional(FilterConditions),
    rate: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.mostRate,
        description: 'The most events a second.',
      }),
    ),
  },
  {
    title: 'ReplayRequest',
    additionalProperties: false,
    examples: [{ from: '2026-11-20T00:00:00Z', to: '2026-11-20T23:59:59.999999Z', rate: 100 }],
  },
)
export type NewReplay = Static<typeof NewReplay>

export const DryRun = Type.Object(
  {
    from: Time,
    to: Time,
    events: Type.Integer({ examples: [4_711], description: 'Events that it would send.' }),
    is_estimate: Type.Boolean({ default: false, description: 'The range is too large to count.' }),
    oldest_event_at: Nullable(Time, "When the tenant's oldest event that is kept was published."),
    warnings: Warnings,
  },
  { title: 'ReplayDryRun' },
)

export const Replay = Type.Object(
  {
    number: Type.Integer({ minimum: 1, examples: [1] }),
    state: Type.Enum(
      [
        ...['queued', 'running', 'interrupted', 'waiting', 'cancelling', 'completed', 'cancelled'],
        'failed',
      ],
      {
        description:
          'queued: another replay comes first. interrupted: an event has failed and is tried ' +
          'again. waiting: its consumer is stopped. cancelling: requests that have left are ' +
          'being answered. The last three have ended.',
      },
    ),
    reason: Type.String({
      examples: ['Another replay comes first.'],
      description: 'Why it is in this state, as a sentence.',
    }),
    from: Time,
    to: Time,
    filter_conditions: Type.Optional(FilterConditions),
    rate: Nullable(Type.Integer(), 'The most events a second; null: no limit of its own.'),
    total: Nullable(Type.Integer(), 'Events that it is to send; null: not known.'),
    is_estimate: Type.Boolean({ default: false, description: 'Whether `total` is estimated.' }),
    delivered: Type.Integer({ default: 0 }),
    rejected: Type.Integer({ default: 0, description: 'Answered with 400.' }),
    filtered_out: Type.Integer({
      default: 0,
      description: 'Passed events that the filter does not take.',
    }),
    settled_through: Nullable(Time, 'Everything up to this time is settled.'),
    events_per_second: Type.Number({ description: 'Over the last minute.' }),
    estimated_seconds_left: Nullable(Type.Integer()),
    failures_in_a_row: Type.Integer({ default: 0 }),
    next_retry_at: Nullable(Time),
    started_at: Time,
    started_by: Type.String({ examples: ['API key 4f0c2a9b81d3 (ops)'] }),
    ended_at: Nullable(Time),
    ended_by: Nullable(Type.String({ examples: ['millrace'] })),
    warnings: Warnings,
  },
  { title: 'Replay' },
)
export type Replay = Static<typeof Replay>

export const ReplayList = Type.Object(
  {
    replays: Type.Array(Replay, { maxItems: limits.replaysListed }),
    next: nextPage('7'),
  },
  { title: 'ReplayList' },
)

/** The largest number of a replay that the database can store. */
export const LARGEST_NUMBER = 2_147_483_647

export const numberParameter = {
  in: 'path' as const,
  name: 'number',
  required: true,
  schema: Type.Integer({ minimum: 1, maximum: LARGEST_NUMBER, examples: [1] }),
  description: 'The number of the replay.',
}

export const dryRunParameter = queryParameter(
  'dry_run',
  'true: nothing is started, and the answer counts the events.',
  Type.Boolean({ default: false }),
)

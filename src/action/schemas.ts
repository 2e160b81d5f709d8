// OpenAPI descriptions of the actions on a stream: a test, a skip, a resend.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import { Nullable } from '../input/nullable.ts'
import { WORDS } from '../input/text.ts'
import { NAME_PATTERN, Payload } from '../log/event.ts'
import { PositionValue } from '../log/position.ts'

const Text = (example: string, description?: string) =>
  Type.String({ examples: [example], ...(description ? { description } : {}) })
const Headers = (title: string, example: Record<string, string>) =>
  Type.Object({}, { title, additionalProperties: Type.String(), examples: [example] })
const Reason = Type.String({
  minLength: 1,
  maxLength: limits.textLength,
  pattern: WORDS,
  examples: ['The ERP cannot book this order; repaired by hand.'],
  description: 'For the log.',
})
const Outcome = Type.Enum(['delivered', 'rejected', 'refused', 'unavailable'], {
  description:
    'The meaning for a stream: delivered (2xx), rejected (400), refused (403, 410), or ' +
    'unavailable (anything else, or no answer).',
})
const Milliseconds = Type.Number({ examples: [12.5], description: 'In milliseconds.' })

export const TestEvent = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: NAME_PATTERN,
        maxLength: limits.textLength,
        examples: ['order.created'],
        description: 'Default: a name that the filter takes.',
      }),
    ),
    payload: Type.Optional(Payload),
    position: Type.Optional(
      PositionValue('Sends the event at this position of the log, in place of a made-up one.'),
    ),
  },
  {
    title: 'TestEvent',
    additionalProperties: false,
    default: {},
    examples: [{ name: 'order.created', payload: { id: 'a-test' } }],
  },
)

export const TestResult = Type.Object(
  {
    outcome: Outcome,
    reason: Nullable(Text('unauthorized (HTTP status code 401)', 'If it was not delivered.')),
    sent: Type.Object(
      {
        url: Text('https://erp.example.com/events', 'Without its query.'),
        headers: Headers('SentHeaders', {
          'webhook-id': 'test_dodici_0b1c',
          'millrace-test': 'true',
        }),
        body: Text('{"tenant":"dodici","name":"order.created"}'),
        signed_text: Text(
          'test_dodici_0b1c.1763640000.{"tenant":"dodici","name":"order.created"}',
          'The text that `webhook-signature` is the HMAC of: id, timestamp and body.',
        ),
      },
      { title: 'TestRequest', description: 'The request, with secrets masked.' },
    ),
    received: Nullable(
      Type.Object(
        {
          status: Type.Integer({ examples: [401] }),
          headers: Headers('ReceivedHeaders', { 'content-type': 'text/plain' }),
          body: Text('invalid signature', 'How it begins.'),
        },
        { title: 'TestAnswer', description: 'The answer, with secrets masked.' },
      ),
    ),
    duration_ms: Milliseconds,
  },
  { title: 'TestResult' },
)

export const Skip = Type.Object(
  {
    position: PositionValue('The event that holds up the stream: `logs` names it.'),
    reason: Reason,
  },
  { title: 'Skip', additionalProperties: false },
)

export const Skipped = Type.Object(
  {
    position: PositionValue('The event that was skipped.'),
    rejected_event_id: Type.Optional(
      Type.String({ format: 'uuid', description: 'To retry or delete it.' }),
    ),
  },
  { title: 'SkippedEvent' },
)

export const Resend = Type.Object(
  {
    position: PositionValue('An event of the log.'),
    reason: Type.Optional(Reason),
  },
  { title: 'Resend', additionalProperties: false },
)

export const Resent = Type.Object(
  {
    position: PositionValue('The event that was sent.'),
    name: Text('order.created'),
    outcome: Outcome,
    status: Nullable(Type.Integer({ examples: [200], description: 'Null: there was no answer.' })),
    reason: Nullable(Text('unauthorized (HTTP status code 401)', 'If it was not delivered.')),
    is_filtered_out: Type.Boolean({
      default: false,
      description: 'Whether the filter does not take it: then its stream passes over it.',
    }),
    duration_ms: Milliseconds,
  },
  { title: 'ResentEvent' },
)

// Event types in API documents.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import { FaultShown } from '../errors.ts'
import { nextPage } from '../input/next-page.ts'
import { Nullable } from '../input/nullable.ts'
import { ONE_LINE } from '../input/text.ts'
import { MOST_VIOLATIONS } from '../json-schema/run.ts'
import { NAME_PATTERN } from '../log/event.ts'

export const eventNameParameter = {
  in: 'path',
  name: 'event_name',
  description: '<entity>.<action>',
  required: true,
  schema: Type.String({ maxLength: 255, pattern: NAME_PATTERN }),
  example: 'order.created',
} as const

const Schema = Type.Object(
  {},
  {
    title: 'JsonSchema',
    additionalProperties: true,
    description: 'A JSON Schema of draft 2020-12 for the payload.',
    examples: [{ type: 'object', required: ['id'], properties: { id: { type: 'string' } } }],
  },
)
const OnViolation = Type.Enum(['reject', 'warn'], {
  description: 'An event that breaks the schema is refused, or taken with warnings.',
})

/** The body of a registration. */
export const NewEventType = Type.Object(
  {
    schema: Schema,
    on_violation: OnViolation,
    description: Type.Optional(
      Type.String({ maxLength: 1_000, pattern: ONE_LINE, examples: ['An order came in.'] }),
    ),
    deprecated: Type.Optional(
      Type.Boolean({ description: 'A note for readers: its events are taken all the same.' }),
    ),
  },
  { title: 'EventTypeRegistration', additionalProperties: false },
)

export const EventType = Type.Object(
  {
    name: Type.String({ examples: ['order.created'] }),
    entity: Type.String({ examples: ['order'], description: 'For entity filters.' }),
    description: Nullable(Type.String({ examples: ['An order was placed.'] })),
    deprecated: Type.Boolean({ default: false }),
    last_published_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: "Null if it never was. Outlives the event's retention.",
    }),
    schema: Type.Optional(Schema),
    on_violation: Type.Optional(OnViolation),
  },
  { title: 'EventType' },
)

export const EventTypeList = Type.Object(
  {
    event_types: Type.Array(EventType, { maxItems: limits.pageLength }),
    next: nextPage('order.created'),
  },
  { title: 'EventTypeList' },
)

/** In the answer to a publish: what the event breaks. */
export const Violations = Type.Optional(
  Type.Array(FaultShown, {
    maxItems: MOST_VIOLATIONS,
    description: 'How the payload breaks the schema of its event type, if that is to warn.',
  }),
)

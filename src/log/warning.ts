// Warnings in API documents: a request was accepted, but may not mean what its author intended.

import { Type } from 'typebox'
import { limits } from '../config.ts'

export const Warnings = Type.Optional(
  Type.Array(
    Type.Object(
      {
        field: Type.String({ examples: ['filter_conditions.event_filter'] }),
        code: Type.String({ examples: ['unknown_event_type'] }),
        message: Type.String(),
        nearest: Type.Array(Type.String(), {
          examples: [['order.created']],
          description: 'The names that may have been meant.',
        }),
      },
      { title: 'Warning' },
    ),
    {
      maxItems: limits.mostWarnings,
      description:
        'Names that nobody has published or registered. The request succeeded all the same.',
    },
  ),
)

/** In a request: the warnings of an earlier answer, ignored. */
export const WarningsSentBack = Type.Optional(
  Type.Unsafe<unknown>({
    ...Warnings,
    readOnly: true,
    description: 'As answers show them; ignored.',
  }),
)

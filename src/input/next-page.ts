// The schema of `next` in the answer of a list that comes in pages.

import { Type } from 'typebox'

/** With an example of it, if there is one. */
export const nextPage = (...examples: string[]) =>
  Type.Optional(
    Type.String({
      ...(examples.length > 0 ? { examples } : {}),
      description: 'If there are more: the value of `after` for the next page.',
    }),
  )

// Enums of the collector API are open: the values that are known stand in the OpenAPI document, and
// others of the same form are taken.

import { Type } from 'typebox'

/** A word in capitals. `known`: the values that clients and servers share so far. */
export function OpenEnum(known: string[], description: string) {
  return Type.String({
    maxLength: 64,
    pattern: '^[A-Z][A-Z0-9_]*$',
    'x-extensible-enum': known,
    examples: known,
    description: `${description} Others of the same form are taken.`,
  })
}

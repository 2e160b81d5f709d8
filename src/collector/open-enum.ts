// Enums of the collector API are open: the OpenAPI document lists the known values, and others of
// the same form are accepted.

import { Type } from 'typebox'
import { ruled } from '../input/pattern.ts'

const WORD = ruled('^[A-Z][A-Z0-9_]*$', 'be a word in capitals, like CUSTOMER')

/** A word in capitals. `known`: the values that clients and servers share so far. */
export function OpenEnum(known: string[], description: string) {
  return Type.String({
    maxLength: 64,
    pattern: WORD,
    'x-extensible-enum': known,
    examples: known,
    description: `${description} Others of the same form are accepted.`,
  })
}

// The custom headers of an integration. They must be sendable: one bad header would fail every
// delivery.

import { Type } from 'typebox'
import { type Fault, fault } from '../errors.ts'
import { ruled } from '../input/pattern.ts'

/** A token of RFC 9110. */
const NAME = ruled(
  "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$",
  'be the name of a header, of at most 64 characters',
)
/** The value of a header: printable ASCII. Blanks at its ends would not arrive. */
export const HEADER_VALUE = ruled(
  '^([!-~]([ -~]*[!-~])?)?$',
  'be printable ASCII characters, without blanks at the ends',
)
/** Names and values together. Servers accept 8 to 32 KiB of headers in all. */
const MOST_CHARACTERS = 8_192

export const DeliveryHeaders = Type.Record(
  Type.String({ pattern: NAME }),
  Type.String({ maxLength: 1_024, pattern: HEADER_VALUE }),
  {
    maxProperties: 20,
    // Otherwise a name that does not match the pattern passes, with any value.
    additionalProperties: false,
    description:
      'Sent with every request. Values are never shown again. Names differ by more than case. An ' +
      'update also accepts a list of names, as answers show them. ' +
      `At most ${MOST_CHARACTERS} characters of names and values together.`,
  },
)

const RESERVED = [
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer'],
  ...['upgrade', 'expect', 'authorization', 'idempotency-key', 'user-agent', 'traceparent'],
]

/** The rules that the schema cannot express. */
export function faultsOfHeaders(headers: Record<string, string>): Fault[] {
  const faults: Fault[] = []
  const known = new Set<string>()
  for (const name of Object.keys(headers)) {
    const field = `delivery.headers.${name}`
    const lower = name.toLowerCase()
    if (RESERVED.includes(lower) || /^(content-|webhook-|millrace-)/.test(lower)) {
      faults.push(fault(field, 'reserved', 'is a header that Millrace sets'))
    }
    if (known.has(lower)) faults.push(fault(field, 'repeated', 'is repeated with another case'))
    known.add(lower)
  }
  if (Object.entries(headers).flat().join('').length > MOST_CHARACTERS) {
    const reason = `has more than ${MOST_CHARACTERS} characters of names and values`
    faults.push(fault('delivery.headers', 'too_large', reason))
  }
  return faults
}

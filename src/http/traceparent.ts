// The header `traceparent` of a publish.

import { Type } from 'typebox'
import type { Parameter } from './route.ts'

export const traceparentHeader: Parameter = {
  in: 'header',
  name: 'traceparent',
  description:
    'The trace of the event, by W3C Trace Context: kept, and passed on to its receivers. A ' +
    'malformed one is ignored. The same event published again keeps the first one.',
  required: false,
  schema: Type.String(),
  example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
}

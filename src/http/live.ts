// The header `live` of a publish: with `false` its events are imported, for reading and replays
// alone.

import { Type } from 'typebox'
import { fault, invalid } from '../errors.ts'
import type { Exchange, Parameter } from './route.ts'

export const liveHeader: Parameter = {
  in: 'header',
  name: 'live',
  description:
    'With false the event is imported: for reading and replays alone, live streams pass over it. ' +
    'The same event published again keeps what it was first.',
  required: false,
  schema: Type.Enum(['true', 'false'], { default: 'true' }),
}

/** Whether the events of a request are live. Throws `invalid_request` for an unknown value. */
export function isLive({ req: { headers } }: Exchange): boolean {
  const { live = 'true' } = headers
  if (live === 'true' || live === 'false') return live === 'true'
  throw invalid([fault('live', 'invalid', 'must be true or false')])
}

// The preview of a filter in the API: its body and its answer.

import { Type } from 'typebox'
import { PositionValue } from '../../log/position.ts'
import { Warnings } from '../../log/warning.ts'
import { FilterConditions } from '../integration.ts'
import { MOST_NAMES, NEWEST } from './preview.ts'

const Time = (description: string) => Type.String({ format: 'date-time', description })

export const PreviewRequest = Type.Object(
  { filter_conditions: Type.Optional(FilterConditions) },
  {
    title: 'PreviewRequest',
    additionalProperties: false,
    default: {},
    examples: [{ filter_conditions: { entity_filter: ['order'] } }],
  },
)

const Name = Type.String({ examples: ['order.created'] })

export const Preview = Type.Object(
  {
    from: Time('A day ago.'),
    to: Time('Now.'),
    counted_from: Time('`from`; later if the day has too many events to look at all of them.'),
    events: Type.Integer({ examples: [4_711], description: 'The taken ones since counted_from.' }),
    names: Type.Array(
      Type.Object({ name: Name, events: Type.Integer() }, { title: 'PreviewedName' }),
      { maxItems: MOST_NAMES, description: 'The commonest names of the taken ones.' },
    ),
    newest: Type.Array(
      Type.Object(
        {
          position: PositionValue('The position of the event in the log.'),
          published_at: Type.String({ format: 'date-time' }),
          name: Name,
          entity_id: Type.String({ examples: ['order-1'] }),
        },
        { title: 'PreviewedEvent' },
      ),
      { maxItems: NEWEST, description: 'The newest of the taken ones.' },
    ),
    warnings: Warnings,
  },
  { title: 'Preview' },
)

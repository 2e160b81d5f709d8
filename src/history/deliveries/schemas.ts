// OpenAPI descriptions of the states of events.

import { Type } from 'typebox'
import { limits } from '../../config.ts'
import { nextPage } from '../../input/next-page.ts'
import { Nullable } from '../../input/nullable.ts'
import { PositionValue } from '../../log/position.ts'
import { states } from './states.ts'

/** Integrations and subscriptions in one page. */
export const DELIVERIES_LISTED = 100

const DateTime = Type.String({ format: 'date-time' })

const stateFields = {
  state: Type.Enum(states),
  at: Nullable(
    Type.String({
      format: 'date-time',
      description:
        'When it was delivered (to a quarter of a second) or rejected, when its last try failed, ' +
        'or when the stream was stopped.',
    }),
  ),
  version: Nullable(
    Type.Integer({ description: 'The version of the configuration that decided it.' }),
  ),
  replay: Nullable(
    Type.Integer({ description: 'The replay that settled it; null: the live stream, or none.' }),
  ),
  reason: Type.String({ examples: ['The target has accepted it.'] }),
}

export const DeliveryList = Type.Object(
  {
    deliveries: Type.Array(
      Type.Object(
        {
          kind: Type.Enum(['integration', 'subscription']),
          id: Type.String({ examples: ['erp-1'] }),
          ...stateFields,
        },
        { title: 'Delivery' },
      ),
      { maxItems: DELIVERIES_LISTED },
    ),
    next: nextPage(),
  },
  { title: 'DeliveryList' },
)

export const UndeliveredList = Type.Object(
  {
    events: Type.Array(
      Type.Object(
        {
          position: PositionValue('Its position in the log.'),
          published_at: DateTime,
          name: Type.String({ examples: ['order.created'] }),
          entity_id: Type.String({ examples: ['order-1'] }),
          ...stateFields,
        },
        { title: 'UndeliveredEvent' },
      ),
      { maxItems: limits.pageLength },
    ),
    next: Nullable(
      PositionValue('The value of `after` for the next page; null if the period is at its end.'),
    ),
  },
  { title: 'UndeliveredList' },
)

export const positionParameter = {
  in: 'path' as const,
  name: 'position',
  description: 'The position of the event in the log.',
  required: true,
  schema: PositionValue('Its position in the log.'),
}

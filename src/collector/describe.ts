// What the OpenAPI document says of the collector's operations.

import { Type } from 'typebox'
import { EventId } from './event.ts'
import { Subscription, SubscriptionId } from './subscription.ts'

export const EVENTS = '/api/v1/events'
export const SUBSCRIPTIONS = '/api/v1/event-subscription'

export const eventIdParameter = {
  in: 'path',
  name: 'eventId',
  description: 'The id of the event, as it was posted.',
  required: true,
  schema: EventId,
  example: 'customer-42-1',
} as const

export const idParameter = {
  in: 'path',
  name: 'Id',
  description: 'The id of the subscription.',
  required: true,
  schema: SubscriptionId,
  example: 'crm',
} as const

export const errors = {
  400: { description: 'The request is at fault; the message names the field.' },
  401: { description: 'No token, or an unknown one.' },
  403: { description: 'The token may not do this for the tenant.' },
  500: { description: 'Internal server error.' },
}

export const notFound = { 404: { description: 'There is none with this id.' } }

export const SubscriptionList = Type.Array(Subscription, { title: 'SubscriptionList' })

export const Deactivated = Type.Object(
  {
    body: Type.Object({}, { additionalProperties: true }),
    statusCode: Type.Literal('ACCEPTED'),
    // No literal: a Java generator makes of a number that is one what does not compile.
    statusCodeValue: Type.Integer({ minimum: 202, maximum: 202 }),
  },
  { title: 'Deactivated' },
)

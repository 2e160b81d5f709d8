// OpenAPI descriptions of the operations on subscriptions.

import { Type } from 'typebox'
import { Subscription, SubscriptionId } from './subscription.ts'

export const SUBSCRIPTIONS = '/api/v1/event-subscription'

export const idParameter = {
  in: 'path',
  name: 'Id',
  description: 'The id of the subscription.',
  required: true,
  schema: SubscriptionId,
  example: 'crm',
} as const

export const SubscriptionList = Type.Array(Subscription, { title: 'SubscriptionList' })

export const otherVersion = {
  412: { description: "The subscription's version is not one that If-Match names." },
}

export const Deactivated = Type.Object(
  {
    body: Type.Object({}, { additionalProperties: true }),
    statusCode: Type.Literal('ACCEPTED'),
    // Not a literal: for a numeric one a Java generator makes code that does not compile.
    statusCodeValue: Type.Integer({ minimum: 202, maximum: 202 }),
  },
  { title: 'Deactivated' },
)

// OpenAPI descriptions of the operations on collected events, and the answers that those on
// subscriptions share.

import { EventId } from './event.ts'

export const EVENTS = '/api/v1/events'

export const eventIdParameter = {
  in: 'path',
  name: 'eventId',
  description: 'The id of the event, as it was posted.',
  required: true,
  schema: EventId,
  example: 'customer-42-1',
} as const

export const errors = {
  400: { description: 'The request is wrong; the message names the field.' },
  401: { description: 'The token is missing or unknown.' },
  403: { description: 'The token does not allow this for the tenant.' },
  500: { description: 'Internal server error.' },
}

export const notFound = { 404: { description: 'No event has this id.' } }

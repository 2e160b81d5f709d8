// What the OpenAPI document says of every operation on an integration.

import { Type } from 'typebox'
import { Integration, IntegrationId } from './integration.ts'

export const EVENTSTREAM = '/api/v1/org/integrations/eventstream'

export const idParameter = {
  in: 'path',
  name: 'integration_id',
  description: 'Unique identifier of the integration.',
  required: true,
  schema: IntegrationId,
  example: 'erp-1',
} as const

export const commonErrors = {
  400: { description: 'Bad request; the message names the field.' },
  401: { description: 'No token, or an unknown one.' },
  403: { description: 'The token may not do this for the tenant.' },
  500: { description: 'Internal server error.' },
}

export const notFound = { 404: { description: 'Integration with given ID was not found.' } }

export const IntegrationList = Type.Object(
  { integrations: Type.Array(Integration) },
  { title: 'IntegrationList' },
)
export const ifMatch = {
  in: 'header',
  name: 'if-match',
  description: 'The ETag of the integration that the update is meant for, a list of them, or `*`.',
  required: false,
  schema: Type.String(),
} as const
export const Rotation = Type.Object(
  {
    overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 604_800, default: 86_400 })),
  },
  { title: 'SigningSecretRotation', additionalProperties: false, default: {} },
)
export const Rotated = Type.Object(
  {
    signing_secret: Type.String({
      examples: ['whsec_…'],
      description: 'The new secret. Shown this once.',
    }),
    previous_valid_until: Type.String({ format: 'date-time' }),
  },
  { title: 'RotatedSigningSecret' },
)

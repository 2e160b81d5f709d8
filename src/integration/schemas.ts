// OpenAPI descriptions that the operations on an integration share, and the schema of its answers.

import { type Static, Type } from 'typebox'
import { Health } from '../consumer/health.ts'
import { Warnings } from '../log/warning.ts'
import { DateTime, deliveryLimits, FilterConditions, IntegrationId } from './integration.ts'
import { S3ParametersShown } from './s3.ts'

export const EVENTSTREAM = '/api/v1/org/integrations/eventstream'

export const idParameter = {
  in: 'path',
  name: 'integration_id',
  description: 'Unique identifier of the integration.',
  required: true,
  schema: IntegrationId,
  example: 'erp-1',
} as const

/** The errors of every operation on a tenant's configuration. */
export const commonErrors = {
  400: { description: 'Bad request; the message names the field.' },
  401: { description: 'The token is missing or unknown.' },
  403: { description: 'The token does not allow this for the tenant.' },
  500: { description: 'Internal server error.' },
}

export const notFound = { 404: { description: 'Integration with given ID was not found.' } }

export const otherVersion = {
  412: { description: "The integration's version is not one that If-Match names." },
}

export const Integration = Type.Object(
  {
    id: Type.String({ examples: ['erp-1'] }),
    integration_type: Type.Enum(['permanent', 'temporary']),
    status: Type.Enum(['running', 'stopped']),
    starts_at: Type.Optional(DateTime('As registered.')),
    ends_at: Type.Optional(DateTime('As registered.')),
    filter_conditions: Type.Optional(FilterConditions),
    health: Health,
    warnings: Warnings,
    callback_parameters: Type.Optional(
      Type.Object(
        { callback_url: Type.String({ format: 'uri' }) },
        { title: 'WebhookParametersShown' },
      ),
    ),
    s3_parameters: Type.Optional(S3ParametersShown),
    delivery: Type.Optional(
      Type.Object(
        {
          ...deliveryLimits,
          headers: Type.Optional(Type.Array(Type.String(), { description: 'Their names.' })),
          is_signed: Type.Optional(Type.Boolean()),
        },
        { title: 'DeliverySettingsShown' },
      ),
    ),
  },
  {
    title: 'Integration',
    examples: [
      {
        id: 'erp-1',
        integration_type: 'permanent',
        status: 'running',
        filter_conditions: { entity_filter: ['order'] },
        callback_parameters: { callback_url: 'https://erp.example.com/events' },
      },
    ],
  },
)

export type Integration = Static<typeof Integration>

export const IntegrationList = Type.Object(
  { integrations: Type.Array(Integration) },
  { title: 'IntegrationList' },
)
export const Rotation = Type.Object(
  {
    overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 604_800, default: 86_400 })),
  },
  { title: 'SigningSecretRotation', additionalProperties: false, default: {} },
)
export const Rotated = Type.Object(
  {
    signing_secret: Type.String({
      examples: ['whsec_...'],
      description: 'The new secret. Only this answer ever shows it.',
    }),
    previous_valid_until: Type.String({ format: 'date-time' }),
  },
  { title: 'RotatedSigningSecret' },
)

// OpenAPI descriptions of the history of the configuration.

import { Type } from 'typebox'
import { limits } from '../../config.ts'
import { nextPage } from '../../input/next-page.ts'
import { Nullable } from '../../input/nullable.ts'
import { PositionValue } from '../../log/position.ts'
import { configuredKinds } from './kind.ts'
import { MOST_CONFIGURED } from './request.ts'

const DateTime = Type.String({ format: 'date-time' })

const Document = Nullable(
  Type.Object(
    {},
    {
      title: 'ConfiguredDocument',
      additionalProperties: true,
      description: 'The whole configuration of one thing; secrets are ***.',
      examples: [
        {
          integration_type: 'permanent',
          callback_parameters: { callback_url: 'https://erp.example.com/events', api_key: '***' },
        },
      ],
    },
  ),
)

const Differences = Type.Array(
  Type.Object(
    {
      path: Type.String({
        examples: ['/callback_parameters/callback_url'],
        description: 'Where in the document, as a JSON pointer (RFC 6901).',
      }),
      before: Type.Optional(
        Type.Unknown({
          description: 'The value before; missing if it was added.',
          examples: ['https://old.example.com/events'],
        }),
      ),
      after: Type.Optional(
        Type.Unknown({
          description: 'The value after; missing if it was removed.',
          examples: ['https://erp.example.com/events'],
        }),
      ),
    },
    { title: 'Difference' },
  ),
  {
    description:
      'The fields of the document that differ. A secret that was replaced is among them, *** on ' +
      'both sides.',
  },
)

const thing = {
  kind: Type.Enum([...configuredKinds]),
  id: Type.String({ examples: ['erp-1'], description: 'The id in the API of its kind.' }),
}
const Name = Type.Optional(Type.String({ examples: ['shop'], description: 'If it has a name.' }))
const state = {
  version: Type.Integer({ description: 'Counted from 1 at each registration.' }),
  status: Type.Enum(['running', 'stopped', 'removed']),
}

export const ChangeList = Type.Object(
  {
    changes: Type.Array(
      Type.Object(
        {
          changed_at: DateTime,
          position: PositionValue('When it was changed, as a position of the log.'),
          actor: Type.String({ examples: ['API key 0c9be2f17a35 (ops)'] }),
          ...thing,
          name: Name,
          action: Type.String({ examples: ['integration_updated'] }),
          reason: Type.String({ examples: ['Updated via API.'] }),
          ...state,
          before: Document,
          after: Document,
          differences: Differences,
        },
        { title: 'ConfigurationChange' },
      ),
      { maxItems: limits.pageLength },
    ),
    next: Nullable(
      PositionValue('The value of `before` for the next page; null if there are no more.'),
    ),
  },
  { title: 'ConfigurationChangeList' },
)

const configured = {
  name: Name,
  ...state,
  changed_at: DateTime,
  changed_by: Type.String({ examples: ['API key 0c9be2f17a35 (ops)'] }),
  reason: Type.String({ examples: ['Updated via API.'] }),
  document: Document,
}

const next = nextPage('erp-1')

export const ConfigurationShown = Type.Object(
  {
    as_of: Type.String({ format: 'date-time', description: 'The moment, for the next page too.' }),
    configuration: Type.Array(Type.Object({ ...thing, ...configured }, { title: 'Configured' }), {
      maxItems: MOST_CONFIGURED,
    }),
    next,
  },
  { title: 'ConfigurationAsOf' },
)

const Configured = Type.Object(configured, { title: 'ConfiguredState' })

export const ConfigurationDifferences = Type.Object(
  {
    from: Type.String({ format: 'date-time', description: 'The earlier moment.' }),
    to: Type.String({ format: 'date-time', description: 'The later one, for the next page too.' }),
    changed: Type.Array(
      Type.Object(
        {
          ...thing,
          before: Nullable(Configured, 'Null if it was not there.'),
          after: Nullable(Configured, 'Null if it is gone.'),
          differences: Differences,
        },
        { title: 'ConfiguredDifferently' },
      ),
      { maxItems: MOST_CONFIGURED },
    ),
    next,
  },
  { title: 'ConfigurationDifferences' },
)

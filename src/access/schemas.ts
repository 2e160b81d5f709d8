// The OpenAPI schemas of API keys, and the rules for a key.

import { type Static, Type } from 'typebox'
import { limits } from '../config.ts'
import { SCOPES } from '../http/identity.ts'
import type { Parameter } from '../http/route.ts'
import { nextPage } from '../input/next-page.ts'
import { ruled } from '../input/pattern.ts'
import { ONE_LINE } from '../input/text.ts'

const LIST_LENGTH = 100
/** The most characters of an actor. */
export const ACTOR_LENGTH = 1_024

const KEY_ID = ruled('^[0-9a-f]{12}$', 'be 12 digits of base 16')
const EVENT_NAMES = ruled(
  '^[A-Za-z0-9_.-]*\\*?$',
  'be the name of an event, or end in *, like order.*',
)
const TENANT_OR_ALL = ruled(
  '^(\\*|[A-Za-z0-9][A-Za-z0-9_-]{0,62})$',
  'be a tenant of 1 to 63 letters, digits, _ and -, or * for every tenant',
)
const text = (pattern: string) =>
  Type.String({ minLength: 1, maxLength: limits.textLength, pattern })
const texts = (pattern: string, description: string) =>
  Type.Array(text(pattern), { minItems: 1, maxItems: LIST_LENGTH, description })

const keyFields = {
  name: text(ONE_LINE),
  scopes: Type.Array(Type.Enum([...SCOPES]), { minItems: 1, maxItems: SCOPES.length }),
  teams: Type.Optional(texts(ONE_LINE, 'The teams that it may publish for; default: any.')),
  services: Type.Optional(texts(ONE_LINE, 'The services that it may publish for; default: any.')),
  event_names: Type.Optional(
    texts(EVENT_NAMES, 'The events that it may publish: `order.created`, `order.*`; default: any.'),
  ),
  rate: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.mostRate,
      description: 'The events a second that it may publish, on each process; default: no limit.',
    }),
  ),
  expires_at: Type.Optional(Type.String({ format: 'date-time' })),
}
const Time = Type.String({ format: 'date-time', readOnly: true })
/** An actor: a key with its name, the subject of a JWT, or the admin token. */
export const Actor = Type.String({ readOnly: true, maxLength: ACTOR_LENGTH, pattern: ONE_LINE })
/**
 * The fields that only answers have. A client may create a key from the answer about another one.
 */
const given = {
  id: Type.String({
    readOnly: true,
    pattern: KEY_ID,
    description: 'Public; also the client id of /oauth2/token.',
  }),
  status: Type.Enum(['active', 'expired', 'revoked'], { readOnly: true }),
  created_at: Time,
  created_by: Actor,
  revoked_at: Type.Optional(Time),
  revoked_by: Type.Optional(Actor),
}
const Tenants = texts(TENANT_OR_ALL, '`["*"]` is every tenant.')
export const NewKey = Type.Object(
  { ...keyFields, tenants: Type.Optional(Tenants), ...Type.Partial(Type.Object(given)).properties },
  {
    title: 'ApiKeyInput',
    additionalProperties: false,
    description:
      "Fields that the body omits are the caller's own. The answer of a GET may be sent back, " +
      'to make a similar key: read-only fields are ignored.',
    examples: [{ name: 'shop', tenants: ['dodici'], scopes: ['publish'] }],
  },
)
const shownExample = {
  id: '0c9be2f17a35',
  name: 'shop',
  tenants: ['dodici'],
  scopes: ['publish'],
  status: 'active',
  created_at: '2026-11-20T12:00:00.123Z',
  created_by: 'admin token',
}
const shownFields = { ...keyFields, tenants: Tenants, ...given }
export const Key = Type.Object(shownFields, { title: 'ApiKey', examples: [shownExample] })
export const CreatedKey = Type.Object(
  {
    ...shownFields,
    token: Type.String({ description: 'The key. Only this answer ever shows it.' }),
  },
  {
    title: 'CreatedApiKey',
    examples: [{ ...shownExample, token: 'mr_...' }],
  },
)
export type NewKey = Static<typeof NewKey>
export const KeyList = Type.Object(
  {
    api_keys: Type.Array(Key, { maxItems: limits.pageLength }),
    next: nextPage('0c9be2f17a35'),
  },
  { title: 'ApiKeyList' },
)

export const idParameter: Parameter = {
  in: 'path',
  name: 'key_id',
  description: 'The id of the key.',
  required: true,
  schema: Type.String({ pattern: KEY_ID }),
  example: '0c9be2f17a35',
}
export const errors = {
  400: { description: 'Bad request; the message names the field.' },
  401: { description: 'The token is missing or unknown.' },
  403: { description: 'The token does not allow this.' },
  500: { description: 'Internal server error.' },
}
export const notFound = {
  404: { description: "The caller's tenants have no such key." },
}

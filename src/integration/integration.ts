// What an integration is: the document that a client registers, the rules it must pass, and what of
// it is shown. The stored document is the registered one with its secrets sealed; no secret is ever
// shown (SPEC 3).

import { type Static, Type } from 'typebox'
import type { SecretBox } from '../access/secret.ts'
import { type Fault, fault } from '../errors.ts'
import { type EventFilter, isEventName } from '../log/event.ts'
import { positionOf } from '../log/position.ts'

const FILTER_LENGTH = 1_000

const FilterList = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
  maxItems: FILTER_LENGTH,
})

export const WebhookParameters = Type.Object(
  {
    callback_url: Type.String({ maxLength: 2_048, description: 'http or https.' }),
    api_key: Type.Optional(
      Type.String({
        maxLength: 1_024,
        pattern: '^[\\x20-\\x7e]*$',
        description: 'Sent as `Authorization: Bearer <api_key>`. Never shown again.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const FilterConditions = Type.Object(
  { event_filter: Type.Optional(FilterList), entity_filter: Type.Optional(FilterList) },
  {
    additionalProperties: false,
    description: 'An event passes that either list names. Without a filter everything passes.',
  },
)

export const NewIntegration = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 50, pattern: '^[a-z0-9-]+$' }),
    integration_type: Type.Enum(['permanent']),
    starts_at: Type.Optional(
      Type.String({
        description:
          'UTC time from which events are sent; not in the future. Without it: from now on.',
      }),
    ),
    filter_conditions: Type.Optional(FilterConditions),
    callback_parameters: WebhookParameters,
  },
  { additionalProperties: false },
)

export const Integration = Type.Object({
  id: Type.String(),
  integration_type: Type.Enum(['permanent']),
  status: Type.Enum(['running', 'stopped']),
  starts_at: Type.Optional(Type.String({ format: 'date-time' })),
  filter_conditions: Type.Optional(FilterConditions),
  callback_parameters: Type.Object({ callback_url: Type.String({ format: 'uri' }) }),
})

export type NewIntegration = Static<typeof NewIntegration>
export type Integration = Static<typeof Integration>

/** What is stored: a NewIntegration without its id, secrets sealed. */
export type IntegrationDocument = Omit<NewIntegration, 'id'>

/** What the schema cannot say of a registration at the time `now` (ms): dates, URL and names. */
export function faultsOf(integration: NewIntegration, now: number): Fault[] {
  const faults: Fault[] = []
  const { starts_at, filter_conditions, callback_parameters } = integration
  if (starts_at !== undefined) {
    const position = positionOf(starts_at)
    if (position === undefined) {
      faults.push(fault('starts_at', 'invalid', 'must be a time like 2026-01-17T12:00:00.000Z'))
    } else if (position > now * 1000) {
      faults.push(fault('starts_at', 'in_the_future', 'must not be in the future'))
    }
  }
  const urlFault = faultOfUrl(callback_parameters.callback_url)
  if (urlFault) faults.push(fault('callback_parameters.callback_url', 'invalid', urlFault))
  for (const name of filter_conditions?.event_filter ?? []) {
    if (isEventName(name)) continue
    const field = 'filter_conditions.event_filter'
    faults.push(fault(field, 'invalid', `has "${name}", which is no event name like order.created`))
  }
  for (const name of filter_conditions?.entity_filter ?? []) {
    if (/^[A-Za-z0-9_-]+$/.test(name)) continue
    const field = 'filter_conditions.entity_filter'
    faults.push(fault(field, 'invalid', `has "${name}", which is no entity like order`))
  }
  return faults
}

function faultOfUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be an absolute URL'
  const url = new URL(text)
  if (!['http:', 'https:'].includes(url.protocol)) return 'must begin with http:// or https://'
  if (url.username || url.password) return 'must not hold credentials; use api_key'
  return undefined
}

/** The document to store. */
export function sealDocument(
  tenant: string,
  { id: _, ...document }: NewIntegration,
  secrets: SecretBox,
): IntegrationDocument {
  const { api_key, ...callback } = document.callback_parameters
  const sealed = api_key ? { api_key: secrets.seal(tenant, api_key) } : {}
  return { ...document, callback_parameters: { ...callback, ...sealed } }
}

/** What a client sees of an integration. */
export function present(
  id: string,
  status: 'running' | 'stopped',
  document: IntegrationDocument,
): Integration {
  const { callback_parameters, ...rest } = document
  const { callback_url } = callback_parameters
  return { id, status, ...rest, callback_parameters: { callback_url } }
}

/** The filter of a document in the log's terms; null takes everything. */
export function filterOf({ filter_conditions }: IntegrationDocument): EventFilter | null {
  const { event_filter = [], entity_filter = [] } = filter_conditions ?? {}
  if (event_filter.length + entity_filter.length === 0) return null
  return { names: event_filter, entities: entity_filter }
}

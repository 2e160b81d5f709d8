// The document of an integration: what a client registers, its rules, and its presentation. The
// stored document is the registered one with its secrets sealed (secrets.ts); no answer shows a
// secret (docs/integrate.md).

import { type Static, Type } from 'typebox'
import { limits } from '../config.ts'
import { type Fault, fault } from '../errors.ts'
import { LOWER_CASE_ID, ruled } from '../input/pattern.ts'
import { faultOfUrl } from '../input/url.ts'
import { type EventFilter, NAME_PATTERN } from '../log/event.ts'
import { positionOf } from '../log/position.ts'
import { DeliveryHeaders, faultsOfHeaders, HEADER_VALUE } from './headers.ts'
import { faultsOfS3, S3Parameters } from './s3.ts'

const closed = { additionalProperties: false }
const ENTITY = ruled('^[A-Za-z0-9_-]+$', 'be an entity of letters, digits, _ and -, like order')
const SIX_BITS = '[A-Za-z0-9+/]'
/** With its padding: a library that verifies may refuse the secret without it. */
const SIGNING_SECRET = ruled(
  `^whsec_(${SIX_BITS}{4}){8,20}((${SIX_BITS}{4})?(${SIX_BITS}{2}==)?|${SIX_BITS}{3}=)$`,
  'be whsec_ and 24 to 64 bytes in base64, with its padding',
)
const FilterList = (pattern: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 255, pattern }), { maxItems: 1_000 })
export const DateTime = (description: string) => Type.String({ format: 'date-time', description })

export const WebhookParameters = Type.Object(
  {
    callback_url: Type.String({ maxLength: 2_048, format: 'uri', description: 'http or https.' }),
    api_key: Type.Optional(
      Type.String({
        maxLength: 1_024,
        pattern: HEADER_VALUE,
        description: 'Sent as `Authorization: Bearer <api_key>`. Never shown again.',
      }),
    ),
  },
  { ...closed, title: 'WebhookParameters' },
)

export const FilterConditions = Type.Object(
  {
    event_filter: Type.Optional(FilterList(NAME_PATTERN)),
    entity_filter: Type.Optional(FilterList(ENTITY)),
  },
  {
    ...closed,
    title: 'FilterConditions',
    examples: [{ event_filter: ['order.created'], entity_filter: ['return'] }],
    description:
      'An event passes if either list names it. At least one list names something. Without a ' +
      'filter everything passes.',
  },
)

export const deliveryLimits = {
  max_in_flight: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: limits.mostInFlight,
      default: limits.maxInFlight,
      description: 'Events of different entities in flight at once; 1 means strict order.',
    }),
  ),
  timeout_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: 300_000 })),
}

export const Delivery = Type.Object(
  {
    ...deliveryLimits,
    headers: Type.Optional(DeliveryHeaders),
    signing_secret: Type.Optional(
      Type.String({
        pattern: SIGNING_SECRET,
        description: 'whsec_ and 24 to 64 bytes in base64 (Standard Webhooks). Never shown again.',
      }),
    ),
  },
  closed,
)

export const IntegrationId = Type.String({
  minLength: 1,
  maxLength: 50,
  pattern: LOWER_CASE_ID,
  examples: ['erp-1'],
})

export const NewIntegration = Type.Object(
  {
    id: IntegrationId,
    integration_type: Type.Enum(['permanent', 'temporary']),
    starts_at: Type.Optional(DateTime('The time of the first event; not in the future.')),
    ends_at: Type.Optional(
      DateTime('The time of the last event; for temporary integrations only.'),
    ),
    filter_conditions: Type.Optional(FilterConditions),
    callback_parameters: Type.Optional(WebhookParameters),
    s3_parameters: Type.Optional(S3Parameters),
    delivery: Type.Optional(Delivery),
  },
  {
    ...closed,
    description: 'Exactly one of callback_parameters and s3_parameters.',
  },
)

export const IntegrationUpdate = Type.Object(
  {
    callback_parameters: Type.Optional(WebhookParameters),
    s3_parameters: Type.Optional(S3Parameters),
    filter_conditions: Type.Optional(FilterConditions),
    delivery: Type.Optional(Delivery),
  },
  {
    ...closed,
  },
)

export type NewIntegration = Static<typeof NewIntegration>
export type IntegrationUpdate = Static<typeof IntegrationUpdate>

/** The stored document: a NewIntegration without its id, with its secrets sealed. */
export type IntegrationDocument = Omit<NewIntegration, 'id'> & {
  /** The signing secret before the last rotation, valid until a time (RFC 3339). */
  previous_signing_secret?: { secret: string; valid_until: string }
}

/**
 * The rules for a registration that the schema cannot express, at the time `now` (ms).
 * `mayBorrowKeys`: files may be written with the operator's credentials.
 */
export function faultsOfIntegration(
  integration: NewIntegration,
  { now, mayBorrowKeys }: { now: number; mayBorrowKeys: boolean },
): Fault[] {
  const { callback_parameters, s3_parameters } = integration
  const faults = [...faultsOfDates(integration, now), ...faultsOfParts(integration)]
  if (s3_parameters) {
    faults.push(...faultsOfS3(s3_parameters, { mayBorrowKeys }))
    faults.push(...faultsOfField(integration, 's3_parameters'))
  } else if (!callback_parameters) {
    faults.push(fault('callback_parameters', 'required', 'is missing: set it or s3_parameters'))
  }
  return faults
}

type TargetField = 'callback_parameters' | 's3_parameters'

/** The kind of a document: the field of its target. */
export function targetFieldOf({ s3_parameters }: Pick<NewIntegration, TargetField>): TargetField {
  return s3_parameters ? 's3_parameters' : 'callback_parameters'
}

/** A fault for each field that an integration of that kind cannot have. */
export function faultsOfField(parts: IntegrationUpdate, field: TargetField): Fault[] {
  const faults: Fault[] = []
  const { callback_parameters, s3_parameters, delivery } = parts
  if (callback_parameters && s3_parameters) {
    const reason = 'and callback_parameters exclude each other'
    faults.push(fault('s3_parameters', 'not_allowed', reason))
  } else if (callback_parameters && field === 's3_parameters') {
    const reason = 'is not allowed: the integration gets files'
    faults.push(fault('callback_parameters', 'not_allowed', reason))
  } else if (s3_parameters && field === 'callback_parameters') {
    faults.push(
      fault('s3_parameters', 'not_allowed', 'is not allowed: the integration is a webhook'),
    )
  }
  if (delivery && field === 's3_parameters') {
    faults.push(fault('delivery', 'not_allowed', 'is for webhooks only'))
  }
  return faults
}

/** The rules for targets, filters and delivery settings that the schema cannot express. */
export function faultsOfParts(parts: IntegrationUpdate): Fault[] {
  const faults: Fault[] = []
  const { filter_conditions, delivery } = parts
  for (const [field, url] of urlsOfIntegration(parts)) {
    const reason = faultOfUrl(url)
    if (reason) faults.push(fault(field, 'invalid', reason))
  }
  if (filter_conditions && isFilterEmpty(filter_conditions)) {
    const reason = 'names nothing: name an event or an entity. Without a filter everything passes'
    faults.push(fault('filter_conditions', 'empty', reason))
  }
  return [...faults, ...faultsOfHeaders(delivery?.headers ?? {})]
}

function faultsOfDates(integration: NewIntegration, now: number): Fault[] {
  const { integration_type, starts_at, ends_at } = integration
  const faults: Fault[] = []
  const start = readDate('starts_at', starts_at, faults)
  const end = readDate('ends_at', ends_at, faults)
  if (start !== undefined && start > now * 1000) {
    faults.push(fault('starts_at', 'in_the_future', 'must not be in the future'))
  }
  if (start !== undefined && end !== undefined && end <= start) {
    faults.push(fault('ends_at', 'before_start', 'must be after starts_at'))
  }
  if (integration_type === 'temporary') {
    for (const [name, date] of [['starts_at', starts_at] as const, ['ends_at', ends_at] as const]) {
      if (date === undefined) {
        faults.push(fault(name, 'required', 'is required for a temporary integration'))
      }
    }
  } else if (ends_at !== undefined) {
    faults.push(fault('ends_at', 'not_allowed', 'is not allowed for a permanent integration'))
  }
  return faults
}

function readDate(field: string, text: string | undefined, faults: Fault[]): number | undefined {
  if (text === undefined) return undefined
  const position = positionOf(text)
  if (position === undefined) {
    faults.push(fault(field, 'invalid', 'must be a time like 2026-01-17T12:00:00.000Z'))
  }
  return position
}

/** The URLs of the targets, each with the name of its field. */
export function urlsOfIntegration({ callback_parameters, s3_parameters }: IntegrationUpdate) {
  const urls: [field: string, url: string][] = []
  if (callback_parameters) {
    urls.push(['callback_parameters.callback_url', callback_parameters.callback_url])
  }
  if (s3_parameters?.endpoint) urls.push(['s3_parameters.endpoint', s3_parameters.endpoint])
  return urls
}

type Filter = Static<typeof FilterConditions>

function isFilterEmpty({ event_filter = [], entity_filter = [] }: Filter): boolean {
  return event_filter.length + entity_filter.length === 0
}

/**
 * The filter of a document in the log's terms; null takes everything. Empty filters are refused
 * now; stored ones from before that rule keep their old meaning, everything.
 */
export function filterOf({
  filter_conditions,
}: Pick<IntegrationDocument, 'filter_conditions'>): EventFilter | null {
  if (!filter_conditions || isFilterEmpty(filter_conditions)) return null
  const { event_filter = [], entity_filter = [] } = filter_conditions
  return { names: event_filter, entities: entity_filter }
}

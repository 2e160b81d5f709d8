// Clients may send back an answer, to change a part or to register a copy. Fields that only answers
// have are compared and removed; those that change by themselves, such as the status, are not
// compared. A mask stands for the stored secret. Any other difference from the answer is an error:
// nothing is dropped silently.

import { isDeepStrictEqual } from 'node:util'
import { type TProperties, Type } from 'typebox'
import { HealthSentBack } from '../consumer/health.ts'
import { MASK } from '../destination/mask.ts'
import { type Fault, fault, invalid } from '../errors.ts'
import { isObject } from '../input/json.ts'
import { WarningsSentBack } from '../log/warning.ts'
import { DeliveryHeaders } from './headers.ts'
import {
  Delivery,
  type IntegrationDocument,
  IntegrationUpdate,
  NewIntegration,
  WebhookParameters,
} from './integration.ts'
import { removable } from './removal.ts'
import { S3Parameters } from './s3.ts'
import { Integration } from './schemas.ts'

const { id, integration_type, status, starts_at, ends_at } = Integration.properties
const isSigned = Type.Optional(Type.Boolean({ readOnly: true, description: 'As answers show it.' }))
const asShown = (schema: object, description: string) =>
  Type.Optional(Type.Unsafe<unknown>({ ...schema, readOnly: true, description }))

const DeliverySentBack = Type.Object(
  {
    ...Delivery.properties,
    // An update also accepts a list of names, as answers have it. For a union of object and list a
    // Java generator makes code that does not compile.
    headers: Type.Optional(DeliveryHeaders),
    is_signed: isSigned,
  },
  { title: 'DeliverySettings', additionalProperties: false },
)

/** The body of a registration: a NewIntegration, or an integration as answers show it. */
export const SentRegistration = Type.Object(
  {
    ...NewIntegration.properties,
    status: asShown(status, 'As answers show it; ignored, since a new integration runs at once.'),
    health: HealthSentBack,
    warnings: WarningsSentBack,
    delivery: Type.Optional(DeliverySentBack),
  },
  {
    additionalProperties: false,
    title: 'IntegrationInput',
    description: 'Exactly one of callback_parameters and s3_parameters.',
    examples: [
      {
        id: 'erp-1',
        integration_type: 'permanent',
        filter_conditions: { entity_filter: ['order'] },
        callback_parameters: {
          callback_url: 'https://erp.example.com/events',
          api_key: 'what-the-receiver-asks-for',
        },
      },
    ],
  },
)

/** A part of an update. */
const Part = (part: string, { properties }: { properties: TProperties }, title: string) =>
  Type.Optional(
    Type.Object(removable(properties, `${part}.`), { title, additionalProperties: false }),
  )

const unchanged = 'As answers show it: it cannot be changed here.'
/** The body of an update: an IntegrationUpdate, or more of the integration as answers show it. */
export const SentUpdate = Type.Object(
  {
    ...removable(IntegrationUpdate.properties, ''),
    callback_parameters: Part('callback_parameters', WebhookParameters, 'WebhookParametersUpdate'),
    s3_parameters: Part('s3_parameters', S3Parameters, 'S3ParametersUpdate'),
    delivery: Part('delivery', DeliverySentBack, 'DeliverySettingsUpdate'),
    id: asShown(id, unchanged),
    integration_type: asShown(integration_type, unchanged),
    status: asShown(
      status,
      'As answers show it; ignored, since it is changed by `_start` and `_stop`.',
    ),
    health: HealthSentBack,
    warnings: WarningsSentBack,
    starts_at: asShown(starts_at, unchanged),
    ends_at: asShown(ends_at, unchanged),
  },
  {
    additionalProperties: false,
    title: 'IntegrationUpdate',
    description: 'Null takes a setting away; afterwards it is as if it had never been set.',
    examples: [{ filter_conditions: { event_filter: ['order.created', 'order.cancelled'] } }],
  },
)

type Body = Record<string, unknown>

/**
 * The body of a registration without the fields that only answers have. Throws if it depends on a
 * secret that answers do not show.
 */
export function registrationOf(sent: unknown): unknown {
  if (!isObject(sent)) return sent
  const body = withoutPassing(sent)
  const faults = withoutMasks(body, undefined)
  const delivery = partOf(body, 'delivery')
  if (delivery) {
    const { headers, is_signed } = delivery
    if (Array.isArray(headers)) {
      delete delivery['headers']
      const reason = 'has names without values: values are never shown, so set them anew'
      if (headers.length > 0) faults.push(fault('delivery.headers', 'masked', reason))
    }
    if (typeof is_signed === 'boolean') {
      delete delivery['is_signed']
      const reason = 'is true, but the secret is never shown: set signing_secret anew'
      const isMissing = is_signed && delivery['signing_secret'] === undefined
      if (isMissing) faults.push(fault('delivery.is_signed', 'masked', reason))
    }
  }
  if (faults.length > 0) throw invalid(faults)
  return body
}

/**
 * The body of an update without answer-only fields and masks. Throws if such a field differs from
 * the integration as `shown`, or if a mask has no `stored` value.
 */
export function updateOf(
  sent: unknown,
  { shown, stored }: { shown: Integration; stored: IntegrationDocument },
): unknown {
  if (!isObject(sent)) return sent
  const body = withoutPassing(sent)
  const faults = withoutMasks(body, stored)
  faults.push(...leaveOut(body, '', shown, Object.keys(IntegrationUpdate.properties)))
  const delivery = partOf(body, 'delivery')
  if (delivery) {
    const own = Object.keys(Delivery.properties).filter(
      (name) => name !== 'headers' || !Array.isArray(delivery['headers']),
    )
    faults.push(...leaveOut(delivery, 'delivery.', shown.delivery ?? {}, own))
  }
  if (faults.length > 0) throw invalid(faults)
  return body
}

/** A copy without the fields that change by themselves, if they are valid in answers. */
function withoutPassing(sent: object): Body {
  const { status, health, warnings, ...body } = sent as Body
  const isStatus = status === undefined || status === 'running' || status === 'stopped'
  const isWarnings = warnings === undefined || Array.isArray(warnings)
  return {
    ...body,
    ...(isStatus ? {} : { status }),
    ...(health === undefined || isObject(health) ? {} : { health }),
    ...(isWarnings ? {} : { warnings }),
  }
}

/** Removes the fields that `shown` has and a request (`own`) has not, if they are unchanged. */
function leaveOut(part: Body, prefix: string, shown: Body, own: string[]): Fault[] {
  const faults: Fault[] = []
  const known = prefix === '' ? Integration.properties : DeliverySentBack.properties
  for (const [name, value] of Object.entries(part)) {
    if (own.includes(name) || !Object.hasOwn(known, name)) continue
    delete part[name]
    if (isDeepStrictEqual(sorted(value), sorted(shown[name]))) continue
    const reason = 'differs from the current value, and cannot be changed here'
    faults.push(fault(prefix + name, 'read_only', reason))
  }
  return faults
}

const sorted = (value: unknown) => (Array.isArray(value) ? value.toSorted() : value)

const SECRETS = [
  ['callback_parameters', 'api_key'],
  ['s3_parameters', 'aws_access_key_id'],
  ['s3_parameters', 'aws_secret_access_key'],
  ['delivery', 'signing_secret'],
] as const

/** Removes the masks from a body, and names those without a stored value. */
function withoutMasks(body: Body, stored: IntegrationDocument | undefined): Fault[] {
  const faults: Fault[] = []
  for (const [part, name] of SECRETS) {
    const given = partOf(body, part)
    if (given?.[name] !== MASK) continue
    delete given[name]
    const old = stored?.[part] as Body | undefined
    if (old?.[name] === undefined) faults.push(faultOfMask(`${part}.${name}`))
  }
  const headers = partOf(body, 'delivery')?.['headers']
  for (const [name, value] of Object.entries(isObject(headers) ? headers : {})) {
    if (value === MASK) faults.push(faultOfMask(`delivery.headers.${name}`))
  }
  return faults
}

function faultOfMask(field: string): Fault {
  return fault(field, 'masked', `is the mask ${MASK}, not a secret: set it anew`)
}

/** Replaces a part of the body by a copy, so that the caller's object stays unchanged. */
function partOf(body: Body, name: string): Body | undefined {
  if (!isObject(body[name])) return undefined
  const part = { ...(body[name] as Body) }
  body[name] = part
  return part
}

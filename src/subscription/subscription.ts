// The document of a subscription: its representation in the API, its rules, and its filter. The
// stored document is the representation with its keys sealed (seal.ts), without its id and
// `active`: those are the consumer's id and status.

import { type Static, Type } from 'typebox'
import { entityOfType } from '../collector/event.ts'
import { OpenEnum } from '../collector/open-enum.ts'
import { Health, HealthSentBack } from '../consumer/health.ts'
import { MASK } from '../destination/mask.ts'
import { type Fault, fault } from '../errors.ts'
import { HYPHENATED, ruled, VISIBLE_ASCII } from '../input/pattern.ts'
import { faultOfUrl } from '../input/url.ts'
import type { EventClass, EventFilter } from '../log/event.ts'
import { Warnings, WarningsSentBack } from '../log/warning.ts'

const closed = { additionalProperties: false }

const Key = (description: string) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      pattern: VISIBLE_ASCII,
      description:
        `${description}. Shown as ${MASK}. Required unless the operator provides credentials; ` +
        `an update that omits it, or sends ${MASK}, keeps the stored one, if the destination ` +
        'stays at its origin.',
    }),
  )
const account = {
  accessKey: Key('The access key'),
  accessSecret: Key('The secret of the access key'),
  region: Type.String({
    minLength: 1,
    maxLength: 64,
    pattern: HYPHENATED,
    description: 'The AWS region.',
  }),
  endpoint: Type.Optional(
    Type.String({
      maxLength: 2_048,
      format: 'uri',
      description: 'The http or https URL of another service with the same API.',
    }),
  ),
}
const ARN = 'arn:[a-z0-9-]+:sns:[a-z0-9-]*:[0-9]*:'
const TOPIC_ARN = ruled(
  `^${ARN}[A-Za-z0-9_-]{1,256}(\\.fifo)?$`,
  'be the ARN of a topic, like arn:aws:sns:eu-west-1:123456789012:customers',
)

const Sqs = Type.Object(
  {
    ...account,
    queueUrl: Type.String({
      minLength: 1,
      maxLength: 2_048,
      description:
        'The URL of the queue, or its name at the endpoint. With the type SNS: the ARN of the ' +
        'topic.',
    }),
  },
  { ...closed, title: 'SqsDestination' },
)
const Sns = Type.Object(
  {
    ...account,
    topicArn: Type.String({
      maxLength: 1_024,
      pattern: TOPIC_ARN,
      description: 'The ARN of the topic.',
    }),
  },
  { ...closed, title: 'SnsDestination' },
)

const Destination = Type.Object(
  {
    type: Type.Enum(['SQS', 'SNS']),
    sqs: Type.Optional(Sqs),
    sns: Type.Optional(Sns),
  },
  {
    ...closed,
    title: 'Destination',
    description: 'SQS with `sqs`. SNS with `sns`, or with `sqs` whose queueUrl is the topic.',
  },
)

/** The known types, whether or not somebody has published such an event. */
export const ENTITY_TYPES = [
  ...['CUSTOMER', 'INVENTORY_LEVEL', 'INVENTORY_LOCATION', 'ORDER', 'PRICE', 'PRODUCT'],
  ...['VARIANT_PRODUCT', 'WISHLIST'],
]

const flag = (description: string) => Type.Optional(Type.Boolean({ description }))
const fields = {
  active: Type.Optional(
    Type.Boolean({ description: 'Whether it receives events; default: true.' }),
  ),
  destination: Destination,
  entityType: OpenEnum(ENTITY_TYPES, 'The entity of the events, in snake case in the log.'),
  subscribeChange: flag('Takes all other actions.'),
  subscribeCreate: flag('Takes actions that end in create or created.'),
  subscribeDelete: flag('Takes actions that end in delete or deleted.'),
}
const ID = ruled('^[A-Za-z0-9._~:-]+$', 'be letters, digits and . _ ~ : -')
export const SubscriptionId = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: ID,
  description: 'Unique id: letters, digits and . _ ~ : -',
})

const example = (accessKey: string, accessSecret: string) => ({
  id: 'crm',
  active: true,
  entityType: 'CUSTOMER',
  subscribeChange: true,
  subscribeCreate: true,
  subscribeDelete: false,
  destination: {
    type: 'SQS',
    sqs: {
      accessKey,
      accessSecret,
      region: 'eu-central-1',
      queueUrl: 'https://sqs.eu-central-1.amazonaws.com/123456789012/crm',
    },
  },
})
const given = { examples: [example('an-access-key', 'its-secret')] }

export const NewSubscription = Type.Object(
  {
    ...fields,
    id: Type.Optional(SubscriptionId),
    health: HealthSentBack,
    warnings: WarningsSentBack,
  },
  { ...closed, ...given, title: 'SubscriptionInput' },
)
export const SubscriptionUpdate = Type.Object(
  { ...fields, id: SubscriptionId, health: HealthSentBack, warnings: WarningsSentBack },
  { ...closed, ...given, title: 'SubscriptionUpdate' },
)
export const Subscription = Type.Object(
  {
    ...fields,
    active: Type.Boolean(),
    id: Type.String(),
    subscribeChange: Type.Boolean(),
    subscribeCreate: Type.Boolean(),
    subscribeDelete: Type.Boolean(),
    health: Health,
    warnings: Warnings,
  },
  { title: 'Subscription', examples: [example(MASK, MASK)] },
)

export type NewSubscription = Static<typeof NewSubscription>
export type Subscription = Static<typeof Subscription>
export type SubscriptionDocument = Omit<Subscription, 'id' | 'active' | 'health' | 'warnings'>
export type DestinationDocument = Static<typeof Destination>
/** The target of a subscription, of either type. */
type QueueParameters = Static<typeof Sqs>

/** The block of a destination, and the name of its field; undefined if it is missing. */
export function parametersOf({
  type,
  sqs,
  sns,
}: DestinationDocument):
  | { field: 'sqs' | 'sns'; addressField: 'queueUrl' | 'topicArn'; parameters: QueueParameters }
  | undefined {
  if (type === 'SNS' && sns) {
    const { topicArn, ...account } = sns
    return {
      field: 'sns',
      addressField: 'topicArn',
      parameters: { ...account, queueUrl: topicArn },
    }
  }
  return sqs && { field: 'sqs', addressField: 'queueUrl', parameters: sqs }
}

/** The URL for requests: the destination's endpoint, its queue's, or AWS's. */
export function serviceUrlOf(destination: DestinationDocument): string | undefined {
  const parameters = parametersOf(destination)?.parameters
  const urls = urlsOfDestination(destination).map(([, url]) => url)
  return urls[0] ?? (parameters && `https://${destination.type}.${parameters.region}.amazonaws.com`)
}

/**
 * The rules that the schema cannot express. `mayBorrowKeys`: the operator's credentials may be
 * used.
 */
export function faultsOfSubscription(
  { destination }: Pick<NewSubscription, 'destination'>,
  { mayBorrowKeys }: { mayBorrowKeys: boolean },
): Fault[] {
  const { type, sqs, sns } = destination
  const found = parametersOf(destination)
  if (!found) {
    const field = `destination.${type.toLowerCase()}`
    return [fault(field, 'required', `is missing: it has the address of the ${type} destination`)]
  }
  const faults: Fault[] = []
  const { field, addressField, parameters } = found
  const name = (key: string) => `destination.${field}.${key}`
  if (sqs && sns) {
    const other = field === 'sqs' ? 'sns' : 'sqs'
    faults.push(fault(`destination.${other}`, 'not_allowed', `does not belong to the type ${type}`))
  }
  const reason = faultOfAddress(type, parameters)
  if (reason) faults.push(fault(name(addressField), 'invalid', reason))
  if (parameters.endpoint !== undefined) {
    const reason = faultOfUrl(parameters.endpoint)
    if (reason) faults.push(fault(name('endpoint'), 'invalid', reason))
  }
  const keys = Object.entries({
    accessKey: parameters.accessKey,
    accessSecret: parameters.accessSecret,
  })
  const missing = keys.filter(([, key]) => key === undefined)
  if (missing.length === 1 || (missing.length === 2 && !mayBorrowKeys)) {
    const why = missing.length === 2 ? ': the operator provides no credentials' : ''
    faults.push(...missing.map(([key]) => fault(name(key), 'required', `is missing${why}`)))
  }
  for (const [key, text] of keys) {
    if (text === MASK) faults.push(fault(name(key), 'invalid', 'is the mask of answers, not a key'))
  }
  return faults
}

const TOPIC = new RegExp(`^(${ARN})?[A-Za-z0-9_-]{1,256}(\\.fifo)?$`)
const QUEUE = /^[A-Za-z0-9_-]{1,80}(\.fifo)?$/

function faultOfAddress(type: 'SQS' | 'SNS', { queueUrl }: QueueParameters): string | undefined {
  if (type === 'SNS') return TOPIC.test(queueUrl) ? undefined : 'must be the ARN of a topic'
  return QUEUE.test(queueUrl) ? undefined : faultOfUrl(queueUrl)
}

/** The URLs that a destination calls, each with the name of its field. */
export function urlsOfDestination(
  destination: DestinationDocument,
): [field: string, url: string][] {
  const found = parametersOf(destination)
  if (!found) return []
  const { endpoint, queueUrl } = found.parameters
  const urls: [string, string][] = []
  if (endpoint !== undefined) urls.push([`destination.${found.field}.endpoint`, endpoint])
  if (URL.canParse(queueUrl) && /^https?:/i.test(queueUrl)) {
    urls.push([`destination.${found.field}.queueUrl`, queueUrl])
  }
  return urls
}

/** The filter of a subscription. */
export function filterOfSubscription(document: SubscriptionDocument): EventFilter {
  const classes: EventClass[] = []
  if (document.subscribeCreate) classes.push('create')
  if (document.subscribeChange) classes.push('change')
  if (document.subscribeDelete) classes.push('delete')
  return { names: [], entities: [entityOfType(document.entityType)], classes }
}

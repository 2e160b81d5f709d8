// The requirements of operations on their bodies beyond the schema. Without these lines most bodies
// would be refused for the same few reasons, and nothing behind the check of the body would be
// tried.

import type { World } from './values.ts'

type Body = Record<string, unknown>

/** Changes a body that the schema allows into one that the operation accepts. */
export function complete(operation: string, body: unknown, world: World): unknown {
  const change = changes[operation]
  if (!change || typeof body !== 'object' || body === null) return body
  return change(body as Body, world)
}

const changes: Record<string, (body: Body, world: World) => Body> = {
  registerIntegration(body, { chance }) {
    const { ends_at: _, ...rest } = oneTarget(body, chance.happens(0.3))
    if (rest['integration_type'] === 'permanent') return rest
    const now = Date.now()
    const starts_at = new Date(now - chance.whole(1, 1_000_000)).toISOString()
    const ends_at = new Date(now + chance.whole(1, 1_000_000)).toISOString()
    return { ...rest, starts_at, ends_at }
  },
  updateIntegration(body, { chance }) {
    const { s3_parameters: _, ...rest } = body
    // Read-only fields are refused unless they have their current value.
    return chance.happens(0.9) ? withoutShown(rest) : rest
  },
  startReplay: (body, { chance }) => ({ ...body, ...aPast(chance) }),
  startSubscriptionReplay(body, { chance }) {
    const { filter_conditions: _, ...rest } = body
    return { ...rest, ...aPast(chance) }
  },
  createEventSubscription: (body) => ({ ...body, destination: oneDestination(body) }),
  updateEventSubscription(body, { chance, ids }) {
    const known = ids.get('Id') ?? []
    const id = known.length > 0 ? chance.pick(known) : body['id']
    return { ...body, id, destination: oneDestination(body) }
  },
  createApiKey(body, { marker }) {
    const { tenants: _, ...rest } = body
    return { ...rest, name: marker, scopes: ['read'] }
  },
  issueToken: (_, { key }) => ({
    grant_type: 'client_credentials',
    client_id: key.id,
    client_secret: key.token,
  }),
  testIntegration(body) {
    const { name: _, payload: __, ...rest } = body
    return 'position' in rest ? rest : body
  },
  registerEventType: (body, { chance }) => ({ ...body, schema: chance.pick(SCHEMAS) }),
  setNotificationSender: (body) => ({ ...body, url: 'http://nobody.fuzz.test/' }),
  updateJob(body) {
    const { id: _, ...rest } = body
    return rest
  },
}

/** Schemas that most payloads of the fuzz follow, and some that ask for much work. */
const SCHEMAS: object[] = [
  { type: 'object', properties: { id: { type: 'string', maxLength: 1_000 } } },
  { $ref: '#/$defs/any', $defs: { any: { minProperties: 1 } } },
  { propertyNames: { pattern: '^.{1,60}$' }, unevaluatedProperties: true },
  { additionalProperties: { anyOf: [{ $ref: '#' }, { type: ['string', 'number', 'null'] }] } },
  { allOf: [{ properties: { x: { $ref: '#' } } }, { properties: { x: { $ref: '#' } } }] },
]
/** A range that has begun, and may end ahead. */
function aPast(chance: World['chance']): Body {
  const now = Date.now()
  const from = new Date(now - chance.whole(1, 1_000_000)).toISOString()
  return { from, to: new Date(now + chance.whole(0, 1_000_000)).toISOString() }
}

const SHOWN = new Set(['id', 'integration_type', 'starts_at', 'ends_at', 'is_signed'])

function withoutShown(body: Body): Body {
  const taken = (of: Body) => Object.entries(of).filter(([field]) => !SHOWN.has(field))
  const { delivery, ...rest } = Object.fromEntries(taken(body))
  return delivery ? { ...rest, delivery: Object.fromEntries(taken(delivery as Body)) } : rest
}

function oneTarget(body: Body, isS3: boolean): Body {
  const { callback_parameters, s3_parameters, delivery, ...rest } = body
  const url = 'http://nobody.fuzz.test/'
  if (!isS3) {
    return {
      ...rest,
      ...(delivery ? { delivery } : {}),
      callback_parameters: callback_parameters ?? { callback_url: url },
    }
  }
  const keys = { aws_access_key_id: 'key', aws_secret_access_key: 'secret' }
  const s3 = (s3_parameters ?? { aws_region: 'eu-central-1', bucket: 'files' }) as Body
  const { key_prefix: _, ...bucket } = s3
  return { ...rest, s3_parameters: { ...keys, ...bucket, endpoint: url } }
}

function oneDestination({ destination }: Body): Body {
  const { type, sqs, sns } = destination as Body
  const keys = { accessKey: 'key', accessSecret: 'secret' }
  const account = { ...keys, region: 'eu-central-1', endpoint: 'http://nobody.fuzz.test/' }
  if (type === 'SQS') return { type, sqs: { ...account, queueUrl: 'a-queue', ...(sqs as Body) } }
  const topicArn = 'arn:aws:sns:eu-central-1:000000000000:topic'
  return { type, sns: { ...account, ...(sns as Body), topicArn } }
}

// The strings of an API: where a body schema takes one, whole bodies to put others into, and
// requests that a careful client would not send.

import { randomUUID } from 'node:crypto'
import http from 'node:http'
import type { TSchema } from 'typebox'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'
import { aCollectedEvent, aSubscription } from '../../scripts/kit/collector.ts'
import { aJob } from '../../scripts/kit/jobs.ts'

/**
 * The paths of the strings that a schema takes: `*` is any name, 0 the first of a list. What is
 * read only is compared at most, and kept nowhere.
 */
export function stringsOf(schema: TSchema, at: string[] = []): string[][] {
  if ('readOnly' in schema) return []
  const { type, properties, items, anyOf, patternProperties, additionalProperties } =
    schema as Record<string, never>
  if (type === 'string' || 'enum' in schema) return [at]
  const named = Object.entries<TSchema>(properties ?? {})
  const any = Object.values<TSchema>(patternProperties ?? {})
  if (typeof additionalProperties === 'object') any.push(additionalProperties)
  return [
    ...named.flatMap(([name, inner]) => stringsOf(inner, [...at, name])),
    ...any.flatMap((inner) => stringsOf(inner, [...at, '*'])),
    ...(items ? stringsOf(items, [...at, '0']) : []),
    ...Object.values<TSchema>(anyOf ?? {}).flatMap((inner) => stringsOf(inner, at)),
  ]
}

const integration = () => ({
  id: `erp-${randomUUID()}`,
  integration_type: 'temporary',
  starts_at: '2026-01-01T00:00:00Z',
  ends_at: '2026-01-02T00:00:00Z',
  filter_conditions: { event_filter: ['order.created'], entity_filter: ['order'] },
})
const webhook = {
  callback_parameters: { callback_url: 'http://127.0.0.1:9/', api_key: 'key' },
  delivery: { headers: { 'x-a': 'b' }, signing_secret: `whsec_${'A'.repeat(32)}` },
}
const files = {
  s3_parameters: {
    aws_access_key_id: 'a',
    aws_secret_access_key: 'b',
    aws_region: 'eu-west-1',
    bucket: 'c',
    key_prefix: 'd',
    endpoint: 'http://127.0.0.1:9',
    compression: 'gzip',
  },
}
const topic = {
  sns: {
    accessKey: 'a',
    accessSecret: 'b',
    region: 'eu-west-1',
    endpoint: 'http://127.0.0.1:9',
    topicArn: 'arn:aws:sns:eu-west-1:0:topic',
  },
  type: 'SNS',
}
const { sqs } = aSubscription().destination
const queue = { sqs: { ...sqs, endpoint: 'http://127.0.0.1:9' }, type: 'SQS' }
const job = () => ({ ...aJob({ id: `job-${randomUUID()}` }), scheduleExpression: 'daily' })
const filter = { filter_conditions: integration().filter_conditions }
const range = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }

const bodies: Record<string, () => object[]> = {
  registerIntegration: () => [
    { ...integration(), ...webhook },
    { ...integration(), ...files },
  ],
  previewFilter: () => [filter],
  updateIntegration: () => [
    { ...filter, ...webhook },
    { ...filter, ...files },
  ],
  startReplay: () => [{ ...range, ...filter }],
  startSubscriptionReplay: () => [range, { ...range, ...filter }],
  skipIntegrationEvent: () => [{ position: 17, reason: 'poison' }],
  skipSubscriptionEvent: () => [{ position: 17, reason: 'poison' }],
  resendIntegrationEvent: () => [{ position: 17, reason: 'lost' }],
  resendSubscriptionEvent: () => [{ position: 17, reason: 'lost' }],
  registerEventType: () => [{ schema: {}, on_violation: 'warn', description: 'An order came in.' }],
  createEvent: () => [aCollectedEvent()],
  createEventSubscription: () => [
    aSubscription({ id: randomUUID(), active: false, destination: queue }),
    aSubscription({ id: randomUUID(), active: false, destination: topic }),
  ],
  updateEventSubscription: () => [
    aSubscription({ active: false, destination: queue }),
    aSubscription({ active: false, destination: topic }),
  ],
  createJob: () => [job()],
  testJob: () => [{ email: 'a@b.example' }, { email: 'a@b.example', customer_id: 'a' }],
  updateJob: () => [{ ...job(), id: 'job-1' }],
  setNotificationSender: () => [
    { api_key: 'SG.key', from_email: 'a@b.example', from_name: 'a', url: 'http://127.0.0.1:9' },
  ],
  signIn: () => [{ code: 'a' }],
  finishOpenId: () => [
    {
      code: 'a',
      iss: 'a',
      redirect_uri: 'https://a.example/console',
      code_verifier: 'a'.repeat(43),
      nonce: 'a',
    },
  ],
  createApiKey: () => [
    {
      name: 'a',
      tenants: ['dodici'],
      scopes: ['read'],
      teams: ['a'],
      services: ['b'],
      event_names: ['order.created'],
      expires_at: '2099-01-01T00:00:00Z',
    },
  ],
}

/** Whole bodies of an operation, which between them have all its strings. */
export function wholeBodies(operationId: string): object[] {
  return structuredClone(bodies[operationId]?.() ?? [{}])
}

/** A whole body of an operation with a text in place of one of its strings. */
export function bodyWith(operationId: string, path: string[], text: string): object {
  const parentOf = (body: object) =>
    path.slice(0, -1).reduce<unknown>((at, name) => (at as never)?.[name], body)
  const body = wholeBodies(operationId).find(parentOf)
  if (!body) throw new Error(`${operationId} has no body with ${path.join('.')}`)
  const last = path.at(-1) as string
  Object.assign(parentOf(body) as object, { [last === '*' ? 'x-a' : last]: text })
  return body
}

/**
 * The status of a body with a text that is too long, or has no place in a text. A payload is passed
 * on byte for byte, and kept nowhere as text; the code of an issuer may be long, and here is none.
 */
export function statusWith(operationId: string, path: string[], text: string): number {
  if (path[0] === 'event_payload' && path.at(-1) !== 'operation') return 201
  const isLongCode = operationId === 'finishOpenId' && path[0] === 'code' && text.length > 100
  return isLongCode ? 404 : 400
}

/** Of whole bodies: the integration is a webhook, a subscription has no filter, the shop nobody. */
const NOT_HERE: Record<string, string> = {
  updateIntegration: 's3_parameters',
  startSubscriptionReplay: 'filter_conditions',
  testJob: 'customer_id',
}
export const isNotHere = (operationId: string, body: object): boolean =>
  (NOT_HERE[operationId] ?? '-') in body

/** An id of an entity may be any text; so may who or what has changed. */
const ANY_TEXT = ['entity_id', 'order_id', 'customer_id', 'id', 'actor']
/** Whether a parameter of the query may be; a comparison asks for its period first. */
export const mayBeAnyText = (operationId: string, name: string): boolean =>
  operationId !== 'compareConfigurations' &&
  (ANY_TEXT.includes(name) || `${operationId} ${name}` === 'getConfiguration after')

export type RawAnswer = { status: number; text: string; headers: http.IncomingHttpHeaders }

/** One request with its path and headers (name, value, …) as they are, by the admin. */
export function send(
  url: string,
  method: string,
  path: string,
  { headers = [], body }: { headers?: string[]; body?: string } = {},
): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(url)
  const all = ['host', host, 'authorization', `Bearer ${ADMIN_TOKEN}`, ...headers]
  if (body !== undefined) all.push('content-length', String(Buffer.byteLength(body)))
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, method, path, headers: all }, (answer) => {
      let text = ''
      const whole = () =>
        resolve({ status: answer.statusCode as number, text, headers: answer.headers })
      // A stream of events has no end.
      const isEndless = answer.headers['content-type']?.startsWith('text/event-stream')
      answer.setEncoding('utf8').on('data', (piece) => {
        text += piece
        if (isEndless) answer.destroy()
      })
      answer.on(isEndless ? 'close' : 'end', whole)
    })
    request.on('error', reject)
    // As bytes: with a text, Node writes the headers in UTF-8.
    request.end(body === undefined ? body : Buffer.from(body))
  })
}

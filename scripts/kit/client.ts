// A client of the service over HTTP, with the admin token that every service of the kit has.

import { Agent, request } from 'undici'
import { expectDocumented } from './documented.ts'

export const ADMIN_TOKEN = 'an-admin-token-for-tests'
export const EVENTSTREAM = '/api/v1/org/integrations/eventstream'

const agent = new Agent({ connections: 128 })
export type Reply<Body = unknown> = {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Body
}

type Sent = {
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer | undefined
  /** Default: the admin token; null: none. */
  token?: string | null
  /** The time limit of an answer. */
  timeoutMs?: number
}

/** One request for the tenant "dodici"; the answer's body, parsed if it is JSON. */
export async function send<Body = Record<string, unknown>>(
  url: string,
  sent: Sent = {},
): Promise<Reply<Body>> {
  const { token = ADMIN_TOKEN, body, timeoutMs = 300_000 } = sent
  const answer = await request(url, {
    dispatcher: agent,
    method: methodOf(sent) as 'GET',
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      tenant: 'dodici',
      ...sent.headers,
    },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    ...(body === undefined ? {} : { body }),
  })
  const text = await answer.body.text()
  const isJson = String(answer.headers['content-type']).startsWith('application/json')
  const parsed = (isJson ? JSON.parse(text) : text) as Body
  return { status: answer.statusCode, headers: answer.headers, body: parsed }
}

/** As `send`; throws if the answer violates the service's document. */
export async function call<Body = Record<string, unknown>>(
  url: string,
  sent: Sent = {},
): Promise<Reply<Body>> {
  const reply = await send<Body>(url, sent)
  await expectDocumented(url, methodOf(sent), reply)
  return reply
}

const methodOf = ({ method, body }: Sent) => method ?? (body === undefined ? 'GET' : 'POST')

type PublishBody = { position: number; published_at: string; duplicate: boolean }

/** Publishes an event like a client of the gateway. */
export function publish(
  url: string,
  event: {
    name?: string
    entityId?: string
    key: string
    payload: string | Buffer
    tenant?: string
    headers?: Record<string, string>
  },
): Promise<Reply<PublishBody & { details?: { field: string; code: string }[] }>> {
  return call(`${url}/events/${event.name ?? 'order.created'}`, {
    headers: {
      tenant: event.tenant ?? 'dodici',
      team: 'team-orders',
      service: 'shop',
      'entity-id': event.entityId ?? 'order-1',
      'idempotency-key': event.key,
      ...event.headers,
    },
    body: event.payload,
  })
}

/** Registers a permanent webhook integration; throws if the answer is not 200. */
export async function register(
  url: string,
  id: string,
  callbackUrl: string,
  more: Record<string, unknown> = {},
  tenant = 'dodici',
): Promise<void> {
  const reply = await call(url + EVENTSTREAM, {
    headers: { tenant },
    body: JSON.stringify({
      id,
      integration_type: 'permanent',
      callback_parameters: { callback_url: callbackUrl },
      ...more,
    }),
  })
  if (reply.status !== 200) throw new Error(JSON.stringify(reply))
}

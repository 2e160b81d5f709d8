// Requests of the event collector's clients.

import { randomUUID } from 'node:crypto'
import { call, type Reply } from './client.ts'

export const EVENTS = '/api/v1/events'
export const SUBSCRIPTIONS = '/api/v1/event-subscription'

type Collected = {
  entity_id: string
  entity_name: string
  event_payload: Record<string, unknown> & { operation: string }
  event_source: string
  event_type: string
  id: string
}

/** A valid event, with `changes`. */
export function aCollectedEvent(changes: Partial<Collected> = {}): Collected {
  const entityId = changes.entity_id ?? 'customer-1'
  return {
    entity_id: entityId,
    entity_name: 'CUSTOMER',
    event_payload: {
      base64_encoded_payload_json: Buffer.from(JSON.stringify({ id: entityId })).toString('base64'),
      entity_id: entityId,
      key_attributes: { country: 'DE' },
      operation: 'CREATE',
    },
    event_source: 'APPLICATION',
    event_type: 'ENTITY_EVENT',
    id: randomUUID(),
    ...changes,
  }
}

/** One request to the collector, with the tenant in its own header. */
export function collector<Body = Record<string, unknown>>(
  url: string,
  method: string,
  body?: unknown,
  { tenant = 'dodici', token }: { tenant?: string; token?: string | null } = {},
): Promise<Reply<Body>> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return call<Body>(url, {
    method,
    headers: { tenant: '', 'x-twc-tenant': tenant, 'content-type': 'application/json' },
    ...(token === undefined ? {} : { token }),
    ...(body === undefined ? {} : { body: text }),
  })
}

/** Posts an event; throws if the answer is not 201. */
export async function collect(url: string, event: Collected, tenant = 'dodici'): Promise<void> {
  const reply = await collector(url + EVENTS, 'POST', event, { tenant })
  if (reply.status !== 201) throw new Error(JSON.stringify(reply))
}

/** A subscription of all events of an entity type, to a queue. */
export function aSubscription(changes: Record<string, unknown> = {}) {
  return {
    active: true,
    destination: {
      sqs: {
        accessKey: 'AKIAMILLRACE',
        accessSecret: 'secretsecretsecret',
        queueUrl: 'http://127.0.0.1:9/000000000000/customers',
        region: 'eu-west-1',
      },
      type: 'SQS',
    },
    entityType: 'CUSTOMER',
    id: 'crm',
    subscribeChange: true,
    subscribeCreate: true,
    subscribeDelete: true,
    ...changes,
  }
}

// A tenant whose streams are in every state that the console shows: one keeps up, one waits for a
// broken receiver, one was stopped, one has rejected events, one writes files, and a replay runs. A
// subscription waits for a queue that is not there, and an event type has a schema.

import { EVENTSTREAM, publish, register, send } from '../kit/client.ts'
import { aSubscription, collector, SUBSCRIPTIONS } from '../kit/collector.ts'
import { type Receiver, startReceiver, status } from '../kit/receiver.ts'
import { type Store, s3Parameters, startStore } from '../kit/store.ts'
import { until } from '../kit/until.ts'
import { buildShop } from './shop.ts'

export const BROKEN =
  'NullPointerException at com.example.erp.OrderService.book(OrderService.java:88)'

export type Stage = { healthy: Receiver; broken: Receiver; picky: Receiver; close(): Promise<void> }

/** Fills the tenant, and resolves when the states are there. */
export async function buildStage(url: string, tenant = 'dodici'): Promise<Stage> {
  await buildShop(url, tenant)
  const healthy = await startReceiver()
  const broken = await startReceiver(status(500, { 'content-type': 'text/plain' }, BROKEN))
  const picky = await startReceiver((request, response) => {
    const isReturn = request.body.includes('return.processed')
    response.writeHead(isReturn ? 400 : 200).end(isReturn ? 'no such product: A-1001' : '')
  })
  await register(url, 'search-index', healthy.url, {}, tenant)
  await register(
    url,
    'erp-1',
    broken.url,
    { filter_conditions: { entity_filter: ['order'] } },
    tenant,
  )
  await register(url, 'warehouse', picky.url, {}, tenant)
  await register(url, 'loyalty', healthy.url, {}, tenant)
  await send(`${url}${EVENTSTREAM}/loyalty/_stop`, { method: 'POST', headers: { tenant } })
  const store = await startStore('fauxqs')
  await registerOthers(url, store, tenant)
  await changeSettings(url, tenant)
  const from = new Date().toISOString()
  for (let i = 0; i < 12; i++) await publishOrder(url, i, tenant)
  await until('erp-1 fails', async () => (await healthOf(url, 'erp-1', tenant)) === 'failing')
  await until('the picky one has got all', () => picky.received.length >= 27)
  // Slow enough to be seen running.
  await send(`${url}${EVENTSTREAM}/search-index/replays`, {
    headers: { tenant },
    body: JSON.stringify({ from, to: new Date().toISOString(), rate: 1 }),
  })
  const close = async () => {
    await Promise.all([healthy.close(), broken.close(), picky.close(), store.close()])
  }
  return { healthy, broken, picky, close }
}

const SCHEMA = {
  type: 'object',
  required: ['id', 'total'],
  properties: { id: { type: 'string' }, total: { type: 'number', minimum: 0 } },
}

/** Registers an integration with files, a subscription, and a schema. */
async function registerOthers(url: string, store: Store, tenant: string): Promise<void> {
  await store.createBucket('company-events')
  await send(url + EVENTSTREAM, {
    headers: { tenant },
    body: JSON.stringify({
      id: 'archive',
      integration_type: 'permanent',
      s3_parameters: s3Parameters(store.endpoint, 'company-events', { compression: 'gzip' }),
    }),
  })
  const subscription = aSubscription({ entityType: 'ORDER' })
  await collector(url + SUBSCRIPTIONS, 'POST', subscription, { tenant })
  await send(`${url}/event-types/order.created`, {
    method: 'PUT',
    headers: { tenant },
    body: JSON.stringify({ schema: SCHEMA, on_violation: 'warn' }),
  })
}

/** Changes to look back at: of an integration, and of keys. */
async function changeSettings(url: string, tenant: string): Promise<void> {
  const change = (path: string, body: object, method = 'POST') =>
    send<{ id: string }>(url + path, { method, headers: { tenant }, body: JSON.stringify(body) })
  const entity_filter = ['customer', 'order']
  const delivery = { headers: { 'x-shop': 'a shop' }, max_in_flight: 4 }
  await change(`${EVENTSTREAM}/loyalty`, { filter_conditions: { entity_filter } }, 'PATCH')
  await change(`${EVENTSTREAM}/loyalty`, { delivery }, 'PATCH')
  const keys = '/api/v1/api-keys'
  await change(keys, { name: 'auditor', tenants: [tenant], scopes: ['read'] })
  const event_names = ['order.*']
  await change(keys, { name: 'shop', tenants: [tenant], scopes: ['publish'], event_names })
  const old = await change(keys, { name: 'old shop', tenants: [tenant], scopes: ['publish'] })
  await send(`${url}${keys}/${old.body.id}`, { method: 'DELETE', headers: { tenant } })
}

/** Publishes the events of one order. Of the first twelve, every fourth one comes back. */
export async function publishOrder(url: string, i: number, tenant = 'dodici'): Promise<void> {
  const order = String(4710 + i)
  const correlation = JSON.stringify({ order_id: order, customer_id: `c-${i % 3}` })
  const event = (name: string, entityId: string, payload: string) =>
    publish(url, {
      name,
      entityId,
      key: `${name}-${i}`,
      tenant,
      payload,
      headers: { 'correlation-ids': correlation },
    })
  await event('order.created', order, `{"id":"${order}","total":25.080,"currency":"EUR"}`)
  await event('payment_account.amount_authorized', `pa-${order}`, '{"amount":25.080}')
  if (i < 12 && i % 4 === 3)
    await event('return.processed', `r-${order}`, `{"order":"${order}","items":[1]}`)
}

async function healthOf(url: string, id: string, tenant: string): Promise<string> {
  const reply = await send<{ health: { state: string } }>(`${url}${EVENTSTREAM}/${id}`, {
    headers: { tenant },
  })
  return reply.body.health.state
}

// The metrics of a process agree, to the event, with what its publishers and its targets saw.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { sendLines } from '../../scripts/kit/bulk.ts'
import { ADMIN_TOKEN, call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import {
  aCollectedEvent,
  aSubscription,
  collect,
  collector,
  EVENTS,
  SUBSCRIPTIONS,
} from '../../scripts/kit/collector.ts'
import { openFollower } from '../../scripts/kit/follower.ts'
import type { Answer } from '../../scripts/kit/receiver.ts'
import { type Store, s3Parameters, startStore } from '../../scripts/kit/store.ts'
import { until } from '../../scripts/kit/until.ts'
import { type Broker, keys, startBroker } from '../helpers/broker.ts'
import { useDatabase } from '../helpers/database.ts'
import { monitorOf, type Scrape, scrape } from '../helpers/scrape.ts'
import { api, type Service, startService, useReceiver } from '../helpers/service.ts'

const PUBLISHED = 600
/** In a bulk body. */
const IN_BULK = 90
const COLLECTED = 7
const APPENDED = PUBLISHED + IN_BULK + COLLECTED
const MARKER = 'nobody-else-may-read-this'

const database = useDatabase()
let broker: Broker
let store: Store
let service: Service
beforeAll(async () => {
  broker = await startBroker()
  store = await startStore('fauxqs')
  service = await startService('start', {
    DATABASE_URL: database.url,
    MILLRACE_MONITOR_PORT: '0',
    MILLRACE_RETRY_BASE_MS: '20',
    MILLRACE_S3_WINDOW_MS: '300',
  })
})
afterAll(async () => {
  await service.kill('SIGTERM')
  await broker.close()
  await store.close()
})

/** What the receiver answered, by status. */
const answered: Record<number, number> = {}
/** Events of some entities are refused, and the first try of some events fails. */
const failedOnce = new Set<number>()
const answer: Answer = ({ body, position }, response) => {
  const { payload } = JSON.parse(body.toString())
  const fails = payload.fails && !failedOnce.has(position)
  if (fails) failedOnce.add(position)
  const status = payload.isBad ? 400 : fails ? 500 : 200
  answered[status] = (answered[status] ?? 0) + 1
  response.writeHead(status).end()
}
const receiver = useReceiver(answer)

/** Publishes by 16 publishers at once; how many answers had each status. */
async function publishAll(): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  const one = async (key: string, payload: object, more: { entityId?: string } = {}) => {
    const text = JSON.stringify({ ...payload, marker: MARKER })
    const { status } = await publish(service.url, { key, payload: text, ...more })
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  await Promise.all(
    Array.from({ length: 16 }, async (_, publisher) => {
      for (let i = publisher; i < PUBLISHED; i += 16) {
        const payload = { i, isBad: i % 60 === 7, fails: i % 100 === 3 }
        await one(`key-${i}`, payload, { entityId: `order-${i % 40}` })
        // Every tenth again: a duplicate. Every fiftieth with another payload: refused.
        if (i % 10 === 0) await one(`key-${i}`, payload, { entityId: `order-${i % 40}` })
        if (i % 50 === 0) await one(`key-${i}`, { i: -1 })
      }
    }),
  )
  await one('', { i: 0 })
  return statuses
}

/** Publishes a body of new lines; every ninth again, every tenth broken, every fifteenth reused. */
async function publishBody(): Promise<number> {
  const lineOf = (key: string, i: number) => {
    const payload = { i, marker: MARKER }
    const keys = { name: 'order.created', entity_id: `order-${i % 40}`, idempotency_key: key }
    return `${JSON.stringify({ ...keys, payload })}\n`
  }
  const lines = Array.from({ length: IN_BULK }, (_, i) => [
    lineOf(`line-${i}`, i),
    ...(i % 9 === 0 ? [lineOf(`line-${i}`, i)] : []),
    ...(i % 10 === 0 ? ['{"name":\n'] : []),
    ...(i % 15 === 0 ? [lineOf(`line-${i}`, -1)] : []),
  ])
  return (await sendLines(lines.flat(), { url: service.url })).answers
}

async function registerAll(): Promise<void> {
  await register(service.url, 'erp', receiver.url)
  await store.createBucket('files')
  const files = await call(service.url + EVENTSTREAM, {
    body: JSON.stringify({
      id: 'files',
      integration_type: 'permanent',
      s3_parameters: s3Parameters(store.endpoint, 'files'),
      filter_conditions: { event_filter: ['order.created'] },
    }),
  })
  expect(files.status).toBe(200)
  const account = {
    accessKey: keys.accessKeyId,
    accessSecret: keys.secretAccessKey,
    region: 'us-east-1',
    queueUrl: broker.createQueue('customers'),
  }
  const subscription = aSubscription({ destination: { sqs: account, type: 'SQS' } })
  const subscribed = await collector(service.url + SUBSCRIPTIONS, 'POST', subscription)
  expect(subscribed.status).toBe(201)
}

const countOf = (scraped: Scrape, outcome: string) =>
  scraped.sum('millrace_published_events_total', { outcome })

it('counts publishes and deliveries as the publishers and the targets do', async () => {
  await registerAll()
  const [statuses, answers] = await Promise.all([publishAll(), publishBody()])
  for (let i = 0; i < COLLECTED; i++) await collect(service.url, aCollectedEvent())
  await until('everything has arrived', async () => {
    const { status, body } = await api<{ lag_seconds: number }>(service).on('erp', '/stats')
    expect(status).toBe(200)
    const rejected = (answered[400] ?? 0) + (answered[200] ?? 0)
    return body && rejected === APPENDED && broker.messages('customers').length === COLLECTED
  })
  const scraped = await until('the files are written', async () => {
    const found = await scrape(monitorOf(service))
    const written = found.sum('millrace_delivered_events_total', { kind: 's3' })
    return written === PUBLISHED + IN_BULK && found
  })

  expect({
    appended: countOf(scraped, 'appended'),
    duplicate: countOf(scraped, 'duplicate'),
    key_reused: countOf(scraped, 'key_reused'),
  }).toEqual({
    appended: APPENDED,
    duplicate: PUBLISHED / 10 + IN_BULK / 9,
    key_reused: PUBLISHED / 50 + IN_BULK / 15,
  })
  const linesWith = (outcome: string) => scraped.sum('millrace_bulk_lines_total', { outcome })
  expect({
    appended: linesWith('appended'),
    duplicate: linesWith('duplicate'),
    key_reused: linesWith('key_reused'),
    refused: linesWith('refused'),
  }).toEqual({
    appended: IN_BULK,
    duplicate: IN_BULK / 9,
    key_reused: IN_BULK / 15,
    refused: IN_BULK / 10,
  })
  expect(scraped.sum('millrace_bulk_lines_total')).toBe(answers)
  for (const [status, count] of Object.entries(statuses)) {
    const labels = { operation: 'publishEvent', status }
    expect(scraped.sum('millrace_http_requests_total', labels)).toBe(count)
  }
  const tries = (kind: string, outcome: string) =>
    scraped.sum('millrace_delivery_attempts_total', { kind, outcome })
  expect({
    200: tries('webhook', 'delivered'),
    400: tries('webhook', 'rejected'),
    500: tries('webhook', 'unavailable'),
  }).toEqual(answered)
  expect(scraped.sum('millrace_delivered_events_total', { kind: 'webhook', stream: 'live' })).toBe(
    answered[200],
  )
  expect(scraped.sum('millrace_delivery_attempt_seconds_count', { kind: 'webhook' })).toBe(
    receiver.received.length,
  )
  expect(scraped.sum('millrace_delivery_delay_seconds_count', { kind: 'webhook' })).toBe(
    answered[200],
  )
  expect(scraped.sum('millrace_delivered_events_total', { kind: 'sqs' })).toBe(COLLECTED)
  const { rows } = await database.pool.query('select count(*)::integer from export_file')
  expect(tries('s3', 'delivered')).toBe(rows[0].count)
  expect(scraped.sum('millrace_append_queue_events')).toBe(0)
  expect(scraped.sum('millrace_append_queue_bytes')).toBe(0)
})

it('counts who follows the log, until it leaves', async () => {
  const counted = (kind: string, count: number) =>
    until(`${count} by ${kind}`, async () => {
      return (await scrape(monitorOf(service))).sum('millrace_followers', { kind }) === count
    })
  const followers = Array.from({ length: 3 }, () => openFollower(service.url))
  const left = new AbortController()
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, tenant: 'dodici' }
  const options = { headers, signal: left.signal }
  const url = `${service.url}/events?after=${2 ** 52}&wait=30`
  const waiting = fetch(url, options).catch(() => 'gone')
  await Promise.all([counted('stream', 3), counted('long_poll', 1)])
  for (const follower of followers) follower.close()
  left.abort()
  expect(await waiting).toBe('gone')
  await Promise.all([counted('stream', 0), counted('long_poll', 0)])
})

it('says of each stream how it is', async () => {
  const erp = { tenant: 'dodici', kind: 'integration', consumer: 'erp' }
  const scraped = await until('the figures of the database are new', async () => {
    const found = await scrape(monitorOf(service))
    const isSettled = found.sum('millrace_stream_lag_seconds', erp) === 0
    return isSettled && found
  })
  expect(scraped.sum('millrace_stream_state', { ...erp, state: 'ok' })).toBe(1)
  expect(scraped.sum('millrace_stream_rejected_events', erp)).toBe(answered[400])
  expect(scraped.sum('millrace_streams', { kind: 'integration', state: 'ok' })).toBe(2)
  expect(scraped.sum('millrace_workers')).toBe(1)
  expect(scraped.sum('millrace_database_up')).toBe(1)
  const ahead = scraped.sum('millrace_partitions_ahead_seconds', { table: 'event' }) ?? 0
  expect(ahead / 86_400).toBeGreaterThan(6)
  expect(Math.abs(scraped.sum('millrace_clock_skew_seconds') ?? 1)).toBeLessThan(1)
})

it('tells nothing of a tenant but the names of its streams', async () => {
  const { text } = await scrape(monitorOf(service))
  const secrets = [MARKER, receiver.url, 'order-1', 'order.created', 'key-1', 'team-orders', 'SQS']
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
  expect(text).not.toContain(ADMIN_TOKEN)
})

it('is the same with an admin token at the address of the service', async () => {
  const names = ({ series }: Scrape) => [...new Set(series.map(({ name }) => name))].sort()
  const own = await scrape(service.url, ADMIN_TOKEN)
  expect(names(own)).toEqual(names(await scrape(monitorOf(service))))
  expect((await call(`${service.url}/metrics`, { token: null })).status).toBe(401)
  expect((await call(`${service.url}${EVENTS}/x`, { token: null })).status).toBe(401)
})

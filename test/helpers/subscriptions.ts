// A service with a worker beside a broker, for tests of subscriptions.

import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { publish } from '../../scripts/kit/client.ts'
import {
  aCollectedEvent,
  aSubscription,
  collect,
  collector,
  SUBSCRIPTIONS,
} from '../../scripts/kit/collector.ts'
import { until } from '../../scripts/kit/until.ts'
import { type Broker, keys, startBroker } from './broker.ts'
import { type TestDatabase, useDatabase } from './database.ts'
import { type Service, startService } from './service.ts'

type Sent = Record<string, unknown>

/** The keys of the broker, or others. */
export const account = (changes: object = {}) => ({
  accessKey: keys.accessKeyId,
  accessSecret: keys.secretAccessKey,
  region: 'us-east-1',
  ...changes,
})

/** A service, a broker, and a tenant of its own for each test. */
export function useSubscriptions() {
  const database: TestDatabase = useDatabase()
  let service: Service
  let tenants = 0
  const stage = {
    database,
    tenant: '',
    broker: undefined as unknown as Broker,

    /** Creates a queue of that name and subscribes it. */
    async subscribe(name: string, changes: Sent = {}, more: object = {}) {
      const queueUrl = stage.broker.createQueue(name)
      const destination = { sqs: { ...account(more), queueUrl }, type: 'SQS' }
      await stage.create(aSubscription({ id: name, destination, ...changes }))
    },
    async create(subscription: Sent) {
      const url = service.url + SUBSCRIPTIONS
      const reply = await collector(url, 'POST', subscription, { tenant: stage.tenant })
      expect(reply).toMatchObject({ status: 201 })
    },
    async update(changes: Sent & { id: string }) {
      const body = { ...(await stage.ask(changes.id)), ...changes }
      expect(await stage.request('PUT', '', body)).toMatchObject({ status: 201 })
    },
    request(method: string, path: string, body?: unknown) {
      const url = service.url + SUBSCRIPTIONS + path
      return collector(url, method, body, { tenant: stage.tenant })
    },
    async ask(path: string) {
      return (await stage.request('GET', `/${path}`)).body
    },
    arrived(name: string, count: number) {
      return until(`${count} messages in ${name}`, () => {
        const messages = stage.broker.messages(name)
        return messages.length >= count && messages
      })
    },
    bodies: (name: string) => stage.broker.messages(name).map(({ body }) => JSON.parse(body)),
    /** Its log, newest first. */
    async logged(id: string) {
      const { entries } = await stage.ask(`${id}/logs`)
      return entries as { action: string; reason: string }[]
    },
    inactive(id: string) {
      return until(`${id} is deactivated`, async () => (await stage.ask(id))['active'] === false)
    },
    /** What the service has logged. */
    output: () => service.output(),
    /** An event of the gateway. */
    async send(name: string, key: string, entityId = key, payload = '{"a":1.0}') {
      const { tenant } = stage
      const reply = await publish(service.url, { name, key, entityId, payload, tenant })
      expect(reply.status).toBe(201)
    },
    /** An event of the collector. */
    post(entity_name: string, operation: string, id: string) {
      const event = aCollectedEvent({ entity_name, id })
      const event_payload = { ...event.event_payload, operation }
      return collect(service.url, { ...event, event_payload }, stage.tenant)
    },
  }

  beforeAll(async () => {
    stage.broker = await startBroker()
    service = await startService('start', {
      DATABASE_URL: database.url,
      MILLRACE_RETRY_BASE_MS: '20',
      MILLRACE_SWEEP_MS: '200',
    })
  })
  afterAll(async () => {
    await service.kill('SIGTERM')
    await stage.broker.close()
  })
  beforeEach(() => {
    stage.tenant = `tenant-${++tenants}`
    stage.broker.answer = () => false
    stage.broker.faultOf = () => undefined
  })
  return stage
}

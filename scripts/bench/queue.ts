// A backlog to an SQS queue: how fast a subscription delivers it, in order per entity, beside a
// bare loop of SendMessageBatch with as many requests at once. The broker's work is in both.

import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { startRemote } from '../kit/remote.ts'
import type { BareQueueLoad } from './bare-queue-process.ts'
import type { QueueContent } from './broker-process.ts'
import { fill, TENANT } from './events.ts'
import { byTurns } from './measure.ts'
import { launch } from './process.ts'
import { compare, type Scenario } from './scenario.ts'

const QUEUE = 'bench'
const SUBSCRIPTIONS = '/api/v1/event-subscription'
/** So many that an entity, of which one event is sent at a time, never limits what is in flight. */
const ENTITIES = 4_096
/** As many as a subscription has in flight. */
const REQUESTS = 10
/** Seldom: who asks takes of the time that is measured. */
const POLL_MS = 50
const TIMEOUT_MS = 120_000

const sizes = {
  full: { events: 30_000, rounds: 3 },
  smoke: { events: 1_000, rounds: 1 },
}

export const queue: Scenario = {
  name: 'queue',
  async run(stage, size) {
    const { events, rounds } = sizes[size]
    const database = await stage.database('queue')
    const [serve, work, broker, bare] = await Promise.all([
      launch('serve', database.url),
      launch('work', database.url),
      startRemote('bench/broker-process.ts'),
      startRemote('bench/bare-queue-process.ts'),
    ])
    try {
      const endpoint = await broker.call<string>('start', [QUEUE])
      const queueUrl = `${endpoint}/000000000000/${QUEUE}`
      // A subscription begins where it is created: one for each round, before there are events.
      for (let round = 0; round < rounds; round++) {
        await configure('POST', '', subscription(round, true))
        await configure('PUT', `/${round}/deactivate`)
      }
      await fill(database.url, events, { entities: ENTITIES })
      let round = 0
      const { delivered, sent } = await byTurns(rounds, {
        delivered: () => emptied(() => deliverAll(round++)),
        sent: () => emptied(() => sendAll({ endpoint, queueUrl, requests: REQUESTS, events })),
      })
      const loop = { what: `bare loop of ${REQUESTS} SendMessageBatch`, runs: sent }
      return [compare(`${events.toLocaleString('en')} events to a queue`, delivered, loop, '≥ 0.7')]

      function subscription(id: number, active: boolean) {
        const keys = { accessKey: 'bench', accessSecret: 'bench' }
        const sqs = { ...keys, queueUrl, region: 'us-east-1', endpoint }
        return {
          id: String(id),
          active,
          entityType: 'ORDER',
          destination: { type: 'SQS', sqs },
          subscribeCreate: true,
          subscribeChange: false,
          subscribeDelete: false,
        }
      }

      async function deliverAll(id: number): Promise<number> {
        const started = performance.now()
        await configure('PUT', '', subscription(id, true))
        while ((await broker.call<number>('count', QUEUE)) < events) {
          if (performance.now() - started > TIMEOUT_MS) throw new Error('They do not arrive.')
          await sleep(POLL_MS)
        }
        const seconds = (performance.now() - started) / 1000
        await configure('PUT', `/${id}/deactivate`)
        const { count, repeated, misplaced } = await broker.call<QueueContent>('content', QUEUE)
        if (count !== events || repeated > 0 || misplaced > 0) {
          throw new Error(
            `${count} of ${events} arrived, ${repeated} twice, ${misplaced} too late.`,
          )
        }
        return events / seconds
      }
    } finally {
      await Promise.all([serve.stop(), work.stop(), broker.stop(), bare.stop()])
      await database.drop()
    }

    async function emptied(measure: () => Promise<number>): Promise<number> {
      const rate = await measure()
      await broker.call('empty', QUEUE)
      return rate
    }

    async function sendAll(load: BareQueueLoad): Promise<number> {
      const started = performance.now()
      const taken = await bare.call<number>('send', load)
      if (taken !== load.events) throw new Error(`The bare loop sent ${taken} of ${load.events}.`)
      return (taken * 1000) / (performance.now() - started)
    }

    async function configure(method: 'POST' | 'PUT', path: string, document?: object) {
      const { statusCode, body } = await request(`${serve.url}${SUBSCRIPTIONS}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          'content-type': 'application/json',
          'x-twc-tenant': TENANT,
        },
        ...(document ? { body: JSON.stringify(document) } : {}),
      })
      const text = await body.text()
      if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${text}`)
    }
  },
}

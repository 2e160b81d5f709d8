// Fifty thousand events, of the gateway and of the collector, to queues, while workers are killed:
// each queue holds exactly what its subscription takes, and FIFO queues each event once, in order.

import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  aCollectedEvent,
  aSubscription,
  collector,
  SUBSCRIPTIONS,
} from '../../scripts/kit/collector.ts'
import { until } from '../../scripts/kit/until.ts'
import { appendCollected } from '../../src/collector/collect.ts'
import { appendEvents } from '../../src/log/append.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { type Broker, startBroker } from '../helpers/broker.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'
import { type Service, startService } from '../helpers/service.ts'
import { account } from '../helpers/subscriptions.ts'

const EVENTS = 50_000
const BATCH = 500
const ENTITIES = 200
const KILLS = 3

const database = useDatabase()
let broker: Broker
let server: Service
let worker: Service
const startWorker = () =>
  startService('work', {
    DATABASE_URL: database.url,
    MILLRACE_LEASE_MS: '1000',
    MILLRACE_SWEEP_MS: '200',
  })
beforeAll(async () => {
  broker = await startBroker()
  server = await startService('serve', { DATABASE_URL: database.url })
  worker = await startWorker()
})
afterAll(async () => {
  await Promise.all([server.kill('SIGTERM'), worker.kill('SIGTERM')])
  await broker.close()
})

const entities = ['customer', 'order', 'product']
const actions = ['created', 'updated', 'deleted']

/** The i-th event: every other one is of the collector; an entity id belongs to one entity. */
function eventAt(i: number): NewEvent & { isCollected: boolean } {
  const entity = entities[i % 3] as string
  const action = actions[Math.floor(i / 3) % 3] as string
  const entityId = `${entity}-${Math.floor(i / 9) % ENTITIES}`
  const isCollected = Math.floor(i / 9) % 2 === 0
  const base = { name: `${entity}.${action}`, entityId, idempotencyKey: `e-${i}` }
  const posted = aCollectedEvent({
    entity_id: entityId,
    entity_name: entity.toUpperCase(),
    id: `e-${i}`,
    event_payload: { operation: action.toUpperCase() },
  })
  const payload = Buffer.from(JSON.stringify(isCollected ? posted : { n: i }))
  return { ...anEvent({ ...base, payload }), isCollected }
}

const flags = (create: boolean, change: boolean, remove: boolean) => ({
  subscribeCreate: create,
  subscribeChange: change,
  subscribeDelete: remove,
})
const subscriptions = [
  { name: 'customers', entityType: 'CUSTOMER', ...flags(true, false, false) },
  { name: 'orders.fifo', entityType: 'ORDER', ...flags(true, true, true) },
  { name: 'products.fifo', entityType: 'PRODUCT', ...flags(false, true, true) },
]
const takenBy = ({ entityType, ...takes }: (typeof subscriptions)[number], i: number) => {
  const [entity, action] = eventAt(i).name.split('.')
  const { subscribeCreate, subscribeChange, subscribeDelete } = takes
  const wanted = { created: subscribeCreate, updated: subscribeChange, deleted: subscribeDelete }
  return entity?.toUpperCase() === entityType && wanted[action as 'created']
}

it('loses nothing of fifty thousand events, and FIFO queues get each once and in order', async () => {
  for (const { name, ...rest } of subscriptions) {
    const queueUrl = broker.createQueue(name)
    const destination = { sqs: { ...account(), queueUrl }, type: 'SQS' }
    const body = aSubscription({ ...rest, id: name, destination })
    const reply = await collector(server.url + SUBSCRIPTIONS, 'POST', body)
    expect(reply).toMatchObject({ status: 201 })
  }
  const counts = () => subscriptions.map(({ name }) => broker.messages(name).length)
  const total = () => counts().reduce((sum, count) => sum + count, 0)

  const numbers = Array.from({ length: EVENTS }, (_, i) => i)
  const expected = subscriptions.map((each) => numbers.filter((i) => takenBy(each, i)))
  const all = expected.reduce((sum, { length }) => sum + length, 0)
  const publishing = (async () => {
    for (let from = 0; from < EVENTS; from += BATCH) {
      const batch = numbers.slice(from, from + BATCH).map(eventAt)
      for (const collected of [true, false]) {
        const part = batch.filter(({ isCollected }) => isCollected === collected)
        const append = collected ? appendCollected : appendEvents
        await append(database.pool, part)
      }
    }
  })()
  for (let kill = 1; kill <= KILLS; kill++) {
    const enough = (all * kill) / (KILLS + 2)
    await until(`${enough} have arrived`, () => total() >= enough, 120_000)
    await worker.kill('SIGKILL')
    worker = await startWorker()
  }
  await publishing
  await until(
    'all have arrived',
    () =>
      subscriptions.every(({ name }, i) => new Set(idsIn(name)).size >= (expected[i]?.length ?? 0)),
    120_000,
  )
  await until('all cursors are at rest', async () => {
    const behind = `select from cursor where unresolved <> '{}'`
    return (await database.pool.query(behind)).rowCount === 0
  })

  const repeated: Record<string, number> = {}
  for (const [i, { name }] of subscriptions.entries()) {
    const ids = idsIn(name)
    const wanted = expected[i] as number[]
    expect([...new Set(ids)].sort((a, b) => a - b)).toEqual(wanted)
    repeated[name] = ids.length - wanted.length
    if (!name.endsWith('.fifo')) continue
    expect(repeated[name]).toBe(0)
    const last = new Map<string, number>()
    for (const [index, id] of ids.entries()) {
      const { entityId } = eventAt(id)
      expect(id, `${entityId} at ${index}`).toBeGreaterThan(last.get(entityId) ?? -1)
      last.set(entityId, id)
    }
  }
  // Only a queue without deduplication shows what was in flight, or not written down yet.
  expect(repeated['customers']).toBeLessThan(KILLS * 1_000)
  console.log(`sent again by ${KILLS} kills: ${JSON.stringify(repeated)} of ${all}`)
}, 300_000)

function idsIn(name: string): number[] {
  return broker.messages(name).map(({ body }) => Number(JSON.parse(body).id.slice(2)))
}

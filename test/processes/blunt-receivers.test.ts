// Forty events through the whole program to receivers that end their connections without a word,
// answer early, send interim answers or speak HTTP/1.0: all come within 3 s, and none twice.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import {
  type BehaviourName,
  type BluntReceiver,
  behaviours,
  startBluntReceiver,
} from '../helpers/blunt-receiver.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'

const EVENTS = 40
const database = useDatabase()
const started: BluntReceiver[] = []
let service: Service
beforeAll(async () => {
  service = await startService('start', { DATABASE_URL: database.url })
})
afterAll(async () => {
  await service.kill('SIGTERM')
  await Promise.all(started.map((receiver) => receiver.close()))
})

const names = Object.keys(behaviours) as BehaviourName[]
const cases = names.flatMap((name) => [
  { name, entities: EVENTS },
  { name, entities: 1 },
])
describe.each(cases)('a receiver that $name', ({ name, entities }) => {
  it(`gets ${EVENTS} events of ${entities === 1 ? 'one entity' : `${entities} entities`}`, async () => {
    const receiver = await startBluntReceiver(behaviours[name])
    const tenant = `tenant-${started.push(receiver)}`
    await register(service.url, tenant, receiver.url, {}, tenant)
    const events = Array.from({ length: EVENTS }, (_, i) => ({
      tenant,
      key: `k${i}`,
      entityId: `order-${i % entities}`,
      payload: '{"is":"small"}',
    }))
    await Promise.all(events.map((event) => publish(service.url, event)))
    await until('all have come', () => new Set(receiver.ids).size === EVENTS, 3_000)
    await until('all are delivered', async () => {
      const { rows } = await database.pool.query<{ is: boolean }>(
        'select sum(delivered) = $2 as is from receipt where tenant = $1',
        [tenant, EVENTS],
      )
      return rows[0]?.is
    })
    expect(receiver.ids).toHaveLength(EVENTS)
    const { rows } = await database.pool.query('select * from attempt where tenant = $1', [tenant])
    expect(rows).toEqual([])
  })
})

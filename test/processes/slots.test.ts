// More integrations than a worker has slots: each gets its turn, also while one has much to send.

import { expect, it } from 'vitest'
import { call, publish, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'

const database = useDatabase()
/** More than are sent before a slot is given up, however slow the machine is. */
const EVENTS = 600
let answerAfterMs = 100
const slow = useReceiver((_, response) => setTimeout(() => response.end(), answerAfterMs))
const quick = useReceiver()
const service = useService('start', database, () => ({ MILLRACE_WORKER_CONCURRENCY: '1' }))

it('gives way with events in flight, and goes on later', async () => {
  for (let i = 0; i < EVENTS; i++) {
    await publish(service.url, { key: `k${i}`, entityId: `e${i}`, payload: '{}', tenant: 'slow' })
  }
  const starts_at = new Date(Date.now() - 60_000).toISOString()
  const delivery = { max_in_flight: 1 }
  await register(service.url, 'erp', slow.url, { starts_at, delivery }, 'slow')
  await until('the only slot is taken', () => slow.received.length > 0)
  await register(service.url, 'erp', quick.url, {}, 'quick')
  await publish(service.url, { key: 'k', payload: '{}', tenant: 'quick' })
  await until('the other one had its turn', () => quick.received.length === 1)
  expect(slow.received.length).toBeLessThan(EVENTS)
  answerAfterMs = 0
  await until('the first one goes on', () => slow.received.length === EVENTS)
  expect(await call(`${service.url}/readyz`)).toMatchObject({ status: 200 })
  expect(new Set(slow.received.map(({ position }) => position)).size).toBe(EVENTS)
})

// What health reads of an integration whose filter has taken nothing: a bounded number of events,
// however many were imported meanwhile.

import { expect, it } from 'vitest'
import { sendLines } from '../../scripts/kit/bulk.ts'
import { publish, register } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { healthQuery, readHealth } from '../../src/consumer/health.ts'
import { useDatabase } from '../helpers/database.ts'
import { rowsOf, scansOf } from '../helpers/plan.ts'
import { useReceiver, useService } from '../helpers/service.ts'

const IMPORTED = 5_000

const database = useDatabase()
const service = useService('start', database)
const receiver = useReceiver()

const line = (_: unknown, i: number) =>
  `{"name":"order.created","entity_id":"o-${i}","idempotency_key":"${i}","payload":{}}\n`

it('looks at the newest thousand events alone, of an import too', async () => {
  const filter = { filter_conditions: { event_filter: ['return.created'] } }
  await register(service.url, 'erp', receiver.url, filter)
  const passedOver = async () =>
    (await readHealth(database.kysely, 'dodici', 'integration')).get('erp')?.passed_over
  await publish(service.url, { key: 'early', payload: '{}' })
  await until('the filter has passed over one', async () => (await passedOver()) === 1)

  const lines = Array.from({ length: IMPORTED }, line)
  await sendLines(lines, { url: service.url, headers: { live: 'false' } })
  const { body } = await publish(service.url, { key: 'late', payload: '{}' })
  await until('all are read', async () => {
    const { rows } = await database.pool.query('select from cursor where read_position >= $1', [
      body.position,
    ])
    return rows.length === 1
  })
  // The late one: an import is no fault of the filter.
  expect(await passedOver()).toBe(1)
  const query = healthQuery('dodici', 'integration', null)
  expect(rowsOf(await scansOf(database.kysely, query, /^event/))).toBeLessThan(2_000)
})

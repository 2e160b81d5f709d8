// The count of a replay's events: exact while the time allows, and then an estimate that says so.

import { expect, it } from 'vitest'
import { countEvents } from '../../src/replay/count.ts'
import { useDatabase } from '../helpers/database.ts'

const EVENTS = 120_000
const database = useDatabase()

it('is exact, or near and called an estimate', async () => {
  const from = Date.now() * 1000
  await database.admin.pool.query(
    `insert into event
     select 'dodici', $1::bigint + i,
       case when i % 4 = 0 then 'invoice.created' else 'order.created' end,
       'e', 'k-' || i, 't', 's', '{}', 2, '{}'
     from generate_series(0, ${EVENTS - 1}) as i`,
    [from],
  )
  await database.admin.pool.query('analyze event')
  const range = { tenant: 'dodici', from, to: from + EVENTS - 1, filter: null }
  const count = (range_: object, withinMs: number) =>
    countEvents(database.kysely, { ...range, ...range_ }, withinMs)
  expect(await count({}, 60_000)).toEqual({ events: EVENTS, isEstimate: false })
  expect(await count({ from: from + 1, to: from + 9 }, 0)).toEqual({ events: 9, isEstimate: false })
  const filter = { names: ['invoice.created'], entities: [] }
  expect(await count({ filter }, 60_000)).toEqual({ events: EVENTS / 4, isEstimate: false })
  const estimate = await count({ filter }, 0)
  expect(estimate.isEstimate).toBe(true)
  expect(estimate.events / (EVENTS / 4)).toBeGreaterThan(0.8)
  expect(estimate.events / (EVENTS / 4)).toBeLessThan(1.2)
})

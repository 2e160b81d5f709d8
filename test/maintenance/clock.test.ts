// Retention by a clock that is far ahead: nothing that is young may go.

import { expect, it } from 'vitest'
import { retirePartitions } from '../../src/maintenance/retention.ts'
import { shadowClock } from '../helpers/clock.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()

it("a database's clock of sixty days ahead removes nothing", async () => {
  const setClock = await shadowClock(database.adminUrl)
  await setClock('60 days')
  expect(await retirePartitions(database.pool, 30)).toEqual([])
})

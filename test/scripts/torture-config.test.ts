// Some hundred random changes of the configuration with kills: the log and the tables agree, and
// the log alone gives them back. `make torture-config` makes ten thousand.

import { expect, it } from 'vitest'
import { configure } from '../../scripts/torture/configure.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()

it('is rebuilt from its log, whatever was changed and killed', async () => {
  const seed = Math.floor(Math.random() * 1_000_000)
  console.log(`configuration under torture: seed ${seed}`)
  const result = await configure({
    seed,
    changes: 500,
    kills: 3,
    database: { url: database.url, query: (text) => database.admin.pool.query(text) },
    say() {},
  })
  expect(result.findings.lines()).toEqual([])
  expect(result.taken).toBeGreaterThanOrEqual(500)
  for (const table of ['consumer', 'notification_job', 'api_key']) {
    expect(result.restored.get(table)).toBeGreaterThan(0)
  }
  // How far it came was written down before the rows were deleted.
  expect(result.again).toBe(0)
})

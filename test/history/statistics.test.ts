// Statistics of a consumer that is deleted between the look-up of it and of its cursor.

import { expect, it } from 'vitest'
import { readStatistics } from '../../src/history/statistics.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()

it('there are none of a consumer whose cursor is gone', async () => {
  const document = {
    integration_type: 'permanent',
    callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
  } as const
  const gone = {
    ...({ id: 'gone', status: 'running', desired: 'running', createdPosition: 1 } as const),
    configuration: { kind: 'integration', document } as const,
  }
  const times = { now: Date.now(), retainedFrom: 0 }
  expect(await readStatistics(database.kysely, 'dodici', gone, times)).toBeUndefined()
})

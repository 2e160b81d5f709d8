// A consumer that `rebuild config --apply` restores may be behind, and no position tells the sweep:
// the command wakes it itself.

import { expect, it } from 'vitest'
import { registerConsumer } from '../../src/consumer/change.ts'
import { appendEvents } from '../../src/log/append.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'
import { empty, rebuilt } from './rebuilding.ts'

const database = useDatabase()

it('gives a job to a restored consumer', async () => {
  const document = {
    integration_type: 'permanent' as const,
    callback_parameters: { callback_url: 'http://a.example' },
  }
  const options = { actor: 'test', reason: 'A test.', kind: 'integration', most: 10 } as const
  await registerConsumer(database.kysely, 'dodici', 'erp', { ...options, document })
  await appendEvents(database.pool, [anEvent({ tenant: 'dodici' })])
  await empty(database, 'consumer', 'cursor')
  await database.admin.pool.query('delete from graphile_worker._private_jobs')
  expect(await rebuilt(database, { apply: true })).toMatchObject({ isSame: true })
  const { rows } = await database.admin.pool.query('select key from graphile_worker.jobs')
  expect(rows).toEqual([{ key: 'wake:dodici/erp/0' }])
})

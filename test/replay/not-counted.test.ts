// A replay that has started, whose events cannot be counted: the answer says that it has started,
// so that nobody starts it a second time.

import { expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)
const { on, ask } = api(service)
const path = '/api/v1/org/integrations/eventstream/erp/replays'

it('is answered with its number, and without a total', async () => {
  await register(service.url, 'erp', 'http://127.0.0.1:9/')
  const [from, to] = [-60_000, 0].map((ms) => new Date(Date.now() + ms).toISOString())
  await database.admin.pool.query('alter table event rename to event_elsewhere')
  const started = await ask('POST', path, { from, to })
  await database.admin.pool.query('alter table event_elsewhere rename to event')
  expect(started).toMatchObject({ status: 201, body: { number: 1, total: null } })
  expect((await on('erp', '/replays')).body['replays']).toHaveLength(1)
})

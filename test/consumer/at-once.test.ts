// Many changes of the same thing at once, without a condition: each is carried out, or told to come
// again. None is an internal error.

import { expect, it } from 'vitest'
import { EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { aSubscription, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { aJob, JOBS } from '../../scripts/kit/jobs.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'

const MANY = 40
const database = useDatabase()
const service = useService('serve', database, () => ({ MILLRACE_CHANGES_PER_MINUTE: '0' }))
const { ask, on } = api(service)

it.each([
  {
    what: 'an integration',
    make: () => register(service.url, 'erp', 'http://127.0.0.1:9/'),
    change: () => ask('PATCH', `${EVENTSTREAM}/erp`, { filter_conditions: null }),
  },
  {
    what: 'a subscription',
    make: () => ask('POST', SUBSCRIPTIONS, aSubscription({ id: 'crm', active: false })),
    change: () => ask('PUT', SUBSCRIPTIONS, aSubscription({ id: 'crm', active: false })),
  },
  {
    what: 'a sender',
    make: async () => {},
    change: () =>
      ask('PUT', '/api/v1/notification-sender', { api_key: 'SG.k', from_email: 'a@example.com' }),
  },
  {
    what: 'a job',
    make: () => ask('POST', JOBS, aJob({ is_active: false })),
    change: () => ask('PUT', `${JOBS}/back-in-stock`, aJob({ id: undefined, is_active: false })),
  },
])('$what', async ({ what, make, change }) => {
  await make()
  if (what === 'an integration') await on('erp', '/_stop', 'POST')
  const replies = await Promise.all(Array.from({ length: MANY }, change))
  const done = replies.filter(({ status }) => status === 200 || status === 201)
  const late = replies.filter(({ status }) => status === 503)
  expect(done.length + late.length).toBe(MANY)
  for (const { headers } of late) expect(headers['retry-after']).toBe('1')
  expect(done.length).toBeGreaterThan(MANY / 2)
})

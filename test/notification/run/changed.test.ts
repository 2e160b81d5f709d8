// What changes while a run is under way: the job itself, the time of its next run, and how long the
// mail service wants a pause.

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { createJob, JOBS, runNow, runsOf } from '../../../scripts/kit/jobs.ts'
import { until } from '../../../scripts/kit/until.ts'
import { useDatabase } from '../../helpers/database.ts'
import { type SendGrid, senderSettings, startSendGrid } from '../../helpers/sendgrid.ts'
import { useService } from '../../helpers/service.ts'
import { customer, level, projected, tell, wishlist } from '../../helpers/shop.ts'

const database = useDatabase()
const family = ['c-1', 'c-2', 'c-3']
let sendgrid: SendGrid
beforeAll(async () => {
  sendgrid = await startSendGrid()
})
afterAll(() => sendgrid.close())
const service = useService('start', database, () => ({
  ...senderSettings(sendgrid),
  MILLRACE_RETRY_BASE_MS: '2',
  MILLRACE_SWEEP_MS: '50',
}))
beforeAll(async () => {
  await createJob(service.url)
  // One address: a request for each of them.
  const events = family.flatMap((id) => [
    customer(id, { email: 'family@example.com' }),
    wishlist(`w-${id}`, id, ['v-1']),
  ])
  await tell(database, [level('v-1', 1), ...events])
})
beforeEach(async () => {
  sendgrid.taken = []
  sendgrid.answer = undefined
  await restock()
})

async function restock(): Promise<void> {
  await projected(database, await tell(database, [level('v-1', 0), level('v-1', 5)]))
}
const change = (body: object) =>
  call(`${service.url}${JOBS}/back-in-stock`, { method: 'PUT', body: JSON.stringify(body) })
const customers = () => sendgrid.taken.map(({ data }) => data.customer_id).sort()

it('a job that is switched off sends no further batch, and loses none', async () => {
  sendgrid.answer = (response, accept) => {
    accept()
    void change({ is_active: false }).then(() => response.writeHead(202).end())
  }
  const run = await runNow(service.url)
  expect(run).toMatchObject({ state: 'failed', sent: 1 })
  expect(run['reason']).toBe('The job is not active any more.')
  expect(customers()).toHaveLength(1)
  sendgrid.answer = undefined
  await change({ is_active: true })
  expect(await runNow(service.url)).toMatchObject({ state: 'completed', sent: 2 })
  expect(customers()).toEqual(family)
})

it('a tick that comes while a run waits has a run of its own', async () => {
  let isWell = false
  let refused = 0
  sendgrid.answer = (response, accept) => {
    if (!isWell) {
      refused++
      return response.writeHead(503, { 'retry-after': '1' }).end()
    }
    accept()
    return response.writeHead(202).end()
  }
  const before = (await runsOf(service.url)).length
  await call(`${service.url}${JOBS}/back-in-stock/_run`, { method: 'POST' })
  await until('the run waits', () => refused > 0)
  await restock()
  const { pool } = database.admin
  await pool.query(`update notification_job set next_run_at = now() - interval '1 second'`)
  await until('it was tried again', () => refused > 1)
  isWell = true
  const runs = await until('both are over', async () => {
    const all = (await runsOf(service.url)).slice(0, -before)
    return all.length === 2 && all.every(({ state }) => state === 'completed') && all
  })
  expect(runs.map(({ cause }) => cause)).toEqual(['schedule', 'manual'])
  // Each customer, of both times that it came back.
  expect(customers()).toEqual([...family, ...family].sort())
})

it('a pause that the mail service asks for has an end', async () => {
  const headers = { 'x-ratelimit-remaining': 0, 'x-ratelimit-reset': 5_000_000_000 }
  sendgrid.answer = (response, accept) => {
    accept()
    return response.writeHead(202, headers).end()
  }
  expect(await runNow(service.url)).toMatchObject({ state: 'completed', sent: 3 })
})

// What can go wrong in a run: a refused key, a bad template, rate limits, a broken line, a bad
// address, a missed tick, two workers, two jobs for the same thing.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { createJob, JOBS, runNow, runOver, runsOf } from '../../../scripts/kit/jobs.ts'
import { WITHOUT_SENDER } from '../../../scripts/kit/program.ts'
import { until } from '../../../scripts/kit/until.ts'
import { useDatabase } from '../../helpers/database.ts'
import {
  SENDGRID_KEY,
  type SendGrid,
  senderSettings,
  startSendGrid,
} from '../../helpers/sendgrid.ts'
import { type Service, startService } from '../../helpers/service.ts'
import { customer, level, projected, tell, wishlist } from '../../helpers/shop.ts'
import { rowsOf } from '../../sql/rows.ts'

const database = useDatabase()
const CUSTOMERS = 8
let sendgrid: SendGrid
let services: Service[] = []
let url: string
const environment = () => ({
  DATABASE_URL: database.url,
  ...senderSettings(sendgrid),
  MILLRACE_DELIVERY_TIMEOUT_MS: '2000',
  MILLRACE_RETRY_BASE_MS: '20',
  MILLRACE_SWEEP_MS: '50',
})
beforeAll(async () => {
  sendgrid = await startSendGrid()
  // Two workers, always: they compete for everything that is done here.
  services = await Promise.all([
    startService('start', environment()),
    startService('work', environment()),
  ])
  url = services[0]?.url as string
  await createJob(url)
  const ids = Array.from({ length: CUSTOMERS }, (_, n) => `c-${n}`)
  await tell(database, [
    level('v-1', 1),
    ...ids.flatMap((id) => [customer(id), wishlist(`w-${id}`, id, ['v-1'])]),
  ])
})
afterAll(async () => {
  await Promise.all(services.map((service) => service.kill('SIGTERM')))
  await sendgrid.close()
})
beforeEach(async () => {
  sendgrid.taken = []
  sendgrid.answer = undefined
  sendgrid.key = SENDGRID_KEY
  sendgrid.bad = { emails: new Set(), isNamed: true }
  await restock()
})

async function restock(item = 'v-1'): Promise<void> {
  await projected(database, await tell(database, [level(item, 0), level(item, 5)]))
}
const customers = () => sendgrid.taken.map(({ data }) => data.customer_id).sort()
const everybody = Array.from({ length: CUSTOMERS }, (_, n) => `c-${n}`)

describe('a refused key', () => {
  it('fails the run loudly and loses no notice', async () => {
    sendgrid.key = 'SG.a-new-key'
    const failed = await runNow(url)
    expect(failed).toMatchObject({ state: 'failed', sent: 0, found: CUSTOMERS })
    expect(failed['reason']).toMatch(/unauthorized \(HTTP status code 401\)/)
    await until('it is said in a log', () =>
      services.some((service) => service.output().includes('notification run failed')),
    )
    const rows = await until('the config log says it too', async () => {
      const noted = await database.pool.query(
        `select status, reason from config_log where action = 'job_run_failed'`,
      )
      return noted.rows.length > 0 && noted.rows
    })
    expect(rows).toEqual([{ status: 'running', reason: failed['reason'] }])

    sendgrid.key = SENDGRID_KEY
    const [row] = await rowsOf(database.url, 'ops/notifications', 'tenant=dodici')
    expect(row).toMatchObject({ job: 'back-in-stock', last_state: 'failed', due: CUSTOMERS })
    expect(await runNow(url)).toMatchObject({ state: 'completed', sent: CUSTOMERS, found: 0 })
    expect(customers()).toEqual(everybody)
    expect(await runNow(url)).toMatchObject({ state: 'completed', sent: 0 })
  })

  it("is not used where the tenant has a sender of its own, and that one's is never shown", async () => {
    sendgrid.key = 'SG.of-the-tenant'
    const sender = { api_key: 'SG.of-the-tenant', from_email: 'own@example.com' }
    const path = `${url}/api/v1/notification-sender`
    const body = JSON.stringify({ ...sender, url: sendgrid.url })
    const set = await call(path, { method: 'PUT', body })
    expect(set).toMatchObject({ status: 200, body: { from_email: 'own@example.com' } })
    expect(JSON.stringify([set.body, (await call(path)).body])).not.toContain('SG.')
    const { rows } = await database.pool.query(
      `select document::text from config_log where id = 'sender:sendgrid'`,
    )
    expect(rows[0].document).toContain('sealed:')
    expect(await runNow(url)).toMatchObject({ state: 'completed', sent: CUSTOMERS })
    expect((await call(path, { method: 'DELETE' })).status).toBe(204)
    expect((await call(path)).status).toBe(404)
  })
})

describe('an answer that passes', () => {
  it('429: waits until the limit begins anew', async () => {
    const reset = Math.floor(Date.now() / 1000) + 2
    let limited = 0
    sendgrid.answer = (response, accept) => {
      const isEarly = Date.now() < reset * 1000
      if (isEarly && ++limited) return response.writeHead(429, { 'x-ratelimit-reset': reset }).end()
      accept()
      return response.writeHead(202).end()
    }
    const run = await runNow(url)
    expect(run).toMatchObject({ state: 'completed', sent: CUSTOMERS, unconfirmed: 0 })
    expect(limited).toBe(1)
    expect(customers()).toEqual(everybody)
  })

  it('503: is tried again', async () => {
    let failures = 0
    sendgrid.answer = (response, accept) => {
      if (++failures <= 3) return response.writeHead(503).end()
      accept()
      return response.writeHead(202).end()
    }
    expect(await runNow(url)).toMatchObject({ state: 'completed', sent: CUSTOMERS })
    expect(customers()).toEqual(everybody)
  })

  it('503 for ever: the run fails after ten retries, and what is due stays due', async () => {
    sendgrid.answer = (response) => response.writeHead(503).end()
    const before = sendgrid.requests
    expect(await runNow(url)).toMatchObject({ state: 'failed', sent: 0, found: CUSTOMERS })
    expect(sendgrid.requests - before).toBe(11)
    sendgrid.answer = undefined
    expect(await runNow(url)).toMatchObject({ state: 'completed', sent: CUSTOMERS })
  })

  it('a line that breaks: what may have been sent is not sent again', async () => {
    let isBroken = false
    sendgrid.answer = (response, accept) => {
      accept()
      if (isBroken) return response.writeHead(202).end()
      isBroken = true
      return response.destroy()
    }
    const run = await runNow(url)
    expect(run).toMatchObject({ state: 'completed', sent: 0, unconfirmed: CUSTOMERS })
    expect(customers()).toEqual(everybody)
  })
})

describe('an address that SendGrid does not take', () => {
  it.each([true, false])('is recorded for that customer alone (named: %s)', async (isNamed) => {
    sendgrid.bad = { emails: new Set(['c-2@example.com', 'c-5@example.com']), isNamed }
    const run = await runNow(url)
    expect(run).toMatchObject({ state: 'completed', sent: CUSTOMERS - 2, rejected: 2 })
    const failures = run['failures'] as { customer_id: string; reason: string }[]
    expect(failures.map(({ customer_id }) => customer_id)).toEqual(['c-2', 'c-5'])
    expect(failures[0]?.reason).toContain('Does not contain a valid address')
    expect(customers()).toEqual(everybody.filter((id) => id !== 'c-2' && id !== 'c-5'))
  })
})

describe('the schedule', () => {
  it('a job that was down runs once for all that it missed', async () => {
    const count = (await runsOf(url)).length
    const tick = new Date(Date.now() - 3 * 3_600_000)
    await call(`${url}${JOBS}/back-in-stock`, { method: 'PUT', body: '{"schedule":"* * * * *"}' })
    await database.pool.query('update notification_job set next_run_at = $1', [tick])
    const [run] = await until('the run is over', async () => {
      const runs = await runsOf(url)
      return runs.length > count && runs[0]?.state === 'completed' && runs
    })
    await call(`${url}${JOBS}/back-in-stock`, { method: 'PUT', body: '{"is_scheduled":false}' })
    expect(run).toMatchObject({ cause: 'schedule', scheduled_for: tick.toISOString() })
    const ofTicks = (await runsOf(url)).filter(({ cause }) => cause === 'schedule')
    // A minute may have begun just now.
    expect(ofTicks.length).toBeLessThanOrEqual(2)
    expect(customers()).toEqual(everybody)
  })
})

describe('once', () => {
  it('two jobs that tell the same send one notice', async () => {
    await createJob(url, { id: 'second' })
    await restock()
    await Promise.all([runNow(url), runNow(url, 'second')])
    expect(customers()).toEqual(everybody)
    await call(`${url}${JOBS}/second`, { method: 'DELETE' })
  })

  it('who has withdrawn the consent, or wants it no more, gets none', async () => {
    const position = await tell(database, [
      customer('c-0', { marketing_consent: false }),
      customer('c-1', { email: null }),
      wishlist('w-c-2', 'c-2', ['v-2']),
    ])
    await projected(database, position)
    const run = await runNow(url)
    // c-2 had it on the list when it came back, and has it there no more.
    expect(run).toMatchObject({ sent: CUSTOMERS - 3, withheld: 2 })
    expect(customers()).toEqual(everybody.slice(3))
  })

  it('a worker that is told to end finishes its request, and another one goes on', async () => {
    // One address: a request for each of them.
    const family = ['f-1', 'f-2', 'f-3', 'f-4']
    const position = await tell(database, [
      level('v-9', 0),
      ...family.flatMap((id) => [
        customer(id, { email: 'family@example.com' }),
        wishlist(`w-${id}`, id, ['v-9']),
      ]),
      level('v-9', 1),
    ])
    await projected(database, position)
    let ended: Promise<unknown> | undefined
    const before = services
    sendgrid.answer = (response, accept) => {
      accept()
      if (ended) return response.writeHead(202).end()
      ended = Promise.all(before.map((service) => service.kill('SIGTERM')))
      void until('all are stopping', () =>
        before.every((service) => service.output().includes('stopping')),
      ).then(() => response.writeHead(202).end())
    }
    const asked = await call<{ id: string }>(`${url}${JOBS}/back-in-stock/_run`, { method: 'POST' })
    await until('they were told to end', () => ended)
    await ended
    services = [await startService('start', environment())]
    url = services[0]?.url as string
    const run = await runOver(url, asked.body.id)
    expect(run).toMatchObject({ state: 'completed', unconfirmed: 0 })
    expect(customers()).toEqual([...everybody.slice(3), ...family].sort())
  })

  it('no sender at all fails the run, and says what to set', async () => {
    const { output, ...bare } = await startService('work', {
      ...WITHOUT_SENDER,
      DATABASE_URL: database.url,
      MILLRACE_SWEEP_MS: '50',
    })
    await Promise.all(services.map((service) => service.kill('SIGTERM')))
    const serving = await startService('serve', {
      ...WITHOUT_SENDER,
      DATABASE_URL: database.url,
    })
    services = [serving, { output, ...bare }]
    const run = await runNow(serving.url)
    expect(run).toMatchObject({ state: 'failed', found: CUSTOMERS - 1 })
    expect(run['reason']).toContain('MILLRACE_SENDGRID_API_KEY')
  })
})

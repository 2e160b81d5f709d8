// The cap of mails per customer and week: exact with two runs at once and after a kill, over all
// jobs of a tenant; and what it holds back comes later, if it is still true.

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { createJob, JOBS, runNow, runOver, type ShownRun } from '../../../scripts/kit/jobs.ts'
import { retireNotices } from '../../../src/notification/run/retire.ts'
import { useDatabase } from '../../helpers/database.ts'
import { type SendGrid, senderSettings, startSendGrid } from '../../helpers/sendgrid.ts'
import { type Service, startService } from '../../helpers/service.ts'
import { customer, level, projected, tell, wishlist } from '../../helpers/shop.ts'

const database = useDatabase()
const CUSTOMERS = 40
const everybody = Array.from({ length: CUSTOMERS }, (_, n) => `c-${10 + n}`)
let sendgrid: SendGrid
let services: Service[] = []
let url: string

async function start(): Promise<void> {
  const environment = {
    DATABASE_URL: database.url,
    ...senderSettings(sendgrid),
    MILLRACE_LEASE_MS: '1000',
    MILLRACE_SWEEP_MS: '50',
  }
  services = await Promise.all(
    (['start', 'work'] as const).map((command) => startService(command, environment)),
  )
  url = services[0]?.url as string
}
beforeAll(async () => {
  sendgrid = await startSendGrid()
  await start()
  await createJob(url, { id: 'stock', max_mails_per_week: 1 })
  await createJob(url, { id: 'reminder', notification: 'WISHLIST_REMINDER' })
  await tell(database, [
    level('v-1', 1),
    // Five share an address, so that a run needs several requests.
    ...everybody.flatMap((id, n) => [
      customer(id, { email: `family-${Math.floor(n / 5)}@example.com` }),
      wishlist(`w-${id}`, id, ['v-1']),
    ]),
  ])
})
afterAll(async () => {
  await Promise.all(services.map((service) => service.kill('SIGKILL')))
  await sendgrid.close()
})
beforeEach(async () => {
  sendgrid.taken = []
  sendgrid.answer = undefined
  await database.pool.query('delete from notice')
  await restock()
})

async function restock(...levels: number[]): Promise<void> {
  const events = (levels.length > 0 ? levels : [0, 5]).map((available) => level('v-1', available))
  await projected(database, await tell(database, events))
}
/** As if all mails had left that many days earlier. */
const age = (days: number) =>
  database.pool.query(
    `update notice set mailed_at = mailed_at - $1 * interval '24 hours'
     where mailed_at is not null`,
    [days],
  )
const set = (id: string, change: object) =>
  call(`${url}${JOBS}/${id}`, { method: 'PUT', body: JSON.stringify(change) })
const told = () => sendgrid.taken.map(({ data }) => data.customer_id).sort()

it('mails of all jobs count; what is held back comes with a later run', async () => {
  expect(await runNow(url, 'reminder')).toMatchObject({ sent: CUSTOMERS, capped: 0 })
  expect(await runNow(url, 'stock')).toMatchObject({
    state: 'completed',
    found: CUSTOMERS,
    sent: 0,
    capped: CUSTOMERS,
    withheld: 0,
  })
  expect(await runNow(url, 'stock')).toMatchObject({ found: 0, sent: 0, capped: CUSTOMERS })
  expect(told()).toEqual(everybody)

  // With room for a second mail it comes, once.
  sendgrid.taken = []
  expect((await set('stock', { max_mails_per_week: 2 })).status).toBe(200)
  expect(await runNow(url, 'stock')).toMatchObject({ sent: CUSTOMERS, capped: 0 })
  expect(await runNow(url, 'stock')).toMatchObject({ sent: 0, capped: 0 })
  expect(told()).toEqual(everybody)
  await restock()
  expect(await runNow(url, 'stock')).toMatchObject({ sent: 0, capped: CUSTOMERS })
  expect((await set('stock', { max_mails_per_week: null })).body).toMatchObject({
    max_mails_per_week: null,
  })
  expect(await runNow(url, 'stock')).toMatchObject({ sent: CUSTOMERS, capped: 0 })
  await set('stock', { max_mails_per_week: 1 })
})

it('a mail counts for seven days; what is out of stock by then is withheld', async () => {
  await runNow(url, 'reminder')
  await age(6.9)
  expect(await runNow(url, 'stock')).toMatchObject({ sent: 0, capped: CUSTOMERS })
  await age(0.2)
  await restock(0)
  expect(await runNow(url, 'stock')).toMatchObject({ sent: 0, capped: 0, withheld: CUSTOMERS })
  await restock(3)
  expect(await runNow(url, 'stock')).toMatchObject({ sent: CUSTOMERS, capped: 0 })
})

it('two runs at once: each customer gets one mail, from either', async () => {
  await set('reminder', { max_mails_per_week: 1 })
  const runs = await Promise.all([runNow(url, 'reminder'), runNow(url, 'stock')])
  await set('reminder', { max_mails_per_week: null })
  expect(told()).toEqual(everybody)
  const sum = (field: string) => runs.reduce((all, run) => all + (run[field] as number), 0)
  expect([sum('sent'), sum('capped')]).toEqual([CUSTOMERS, CUSTOMERS])
})

it('a mail that may have left before a kill counts; a refused one does not', async () => {
  const path = `${url}${JOBS}/reminder/_run`
  const asked = await call<ShownRun>(path, { method: 'POST' })
  await new Promise<void>((resolve) => {
    let isOver = false
    sendgrid.answer = (response, accept) => {
      if (isOver) return response.destroy()
      isOver = true
      accept()
      void Promise.all(services.map((service) => service.kill('SIGKILL'))).then(() => resolve())
    }
  })
  sendgrid.answer = undefined
  await start()
  const reminded = await runOver(url, asked.body.id, 'reminder')
  expect(reminded['unconfirmed']).toBeGreaterThan(0)
  expect(told()).toEqual(everybody)
  expect(await runNow(url, 'stock')).toMatchObject({ sent: 0, capped: CUSTOMERS })

  await database.pool.query('delete from notice')
  sendgrid.taken = []
  sendgrid.bad = { emails: new Set(['family-0@example.com']), isNamed: true }
  expect(await runNow(url, 'reminder')).toMatchObject({ sent: CUSTOMERS - 5, rejected: 5 })
  sendgrid.bad = { emails: new Set(), isNamed: true }
  await restock()
  expect(await runNow(url, 'stock')).toMatchObject({ sent: 5, capped: CUSTOMERS - 5 })
})

it('retention keeps what still counts', async () => {
  await runNow(url, 'reminder')
  await runNow(url, 'stock')
  const count = async (state: string) =>
    (await database.pool.query(`select from notice where state = $1`, [state])).rowCount
  const now = Date.now() * 1_000
  await retireNotices(database.kysely, now)
  expect([await count('sent'), await count('capped')]).toEqual([CUSTOMERS, CUSTOMERS])
  await age(8)
  await retireNotices(database.kysely, now)
  expect([await count('sent'), await count('capped')]).toEqual([0, CUSTOMERS])
})

it.each([0, 101, 1.5, '2'])('a cap of %j is refused', async (max_mails_per_week) => {
  expect(await set('stock', { max_mails_per_week })).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('max_mails_per_week') },
  })
})

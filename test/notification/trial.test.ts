// What a job would send, and test mails: the preview is what the run then sends, it changes
// nothing, and a test mail goes to one address and counts for nobody.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { createJob, JOBS, runNow } from '../../scripts/kit/jobs.ts'
import { makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { SENDGRID_KEY, type SendGrid, senderSettings, startSendGrid } from '../helpers/sendgrid.ts'
import { type Service, startService } from '../helpers/service.ts'
import { collected, customer, level, price, projected, tell, wishlist } from '../helpers/shop.ts'
import { opening, turn } from './scenario.ts'

type Withheld = { reason: string; customers: number; first: string[] }
type Shown = { customer_id: string; email: string; data: Record<string, unknown> }
type Preview = { customers: number; examined: number; recipients: number } & {
  mails: Shown[]
  withheld: Withheld[]
}

const database = useDatabase()
let sendgrid: SendGrid
let service: Service
beforeAll(async () => {
  sendgrid = await startSendGrid()
  service = await startService('start', {
    DATABASE_URL: database.url,
    ...senderSettings(sendgrid),
    MILLRACE_SWEEP_MS: '50',
  })
  await createJob(service.url)
  await createJob(service.url, { id: 'drops', notification: 'PRICE_DROP' })
  await createJob(service.url, { id: 'reminder', notification: 'WISHLIST_REMINDER' })
  await happens(...opening())
})
afterAll(() => Promise.all([service.kill('SIGTERM'), sendgrid.close()]))
beforeEach(() => {
  sendgrid.taken = []
})

async function happens(...events: Parameters<typeof tell>[1]): Promise<void> {
  await projected(database, await tell(database, events))
}
async function preview(id: string, query = ''): Promise<Preview> {
  const reply = await call<Preview>(`${service.url}${JOBS}/${id}/preview${query}`)
  if (reply.status !== 200) throw new Error(JSON.stringify(reply))
  return reply.body
}
const test = (id: string, body: object) =>
  call(`${service.url}${JOBS}/${id}/_test`, { body: JSON.stringify(body) })
const set = (id: string, change: object) =>
  call(`${service.url}${JOBS}/${id}`, { method: 'PUT', body: JSON.stringify(change) })
const notices = async () =>
  (await database.pool.query('select * from notice order by position, customer_id, item_id')).rows
const inOrder = (mails: { customer_id: string }[]) =>
  [...mails].sort((a, b) => (a.customer_id < b.customer_id ? -1 : 1))

describe('a preview', () => {
  it('is what the run then sends, to the letter, and changes nothing', async () => {
    await happens(...turn(1))
    const before = await notices()
    const seen = await preview('back-in-stock', '?limit=100')
    expect(await preview('back-in-stock', '?limit=100')).toMatchObject({ mails: seen.mails })
    expect(await notices()).toEqual(before)
    expect(sendgrid.requests).toBe(0)

    const run = await runNow(service.url)
    expect(run['sent']).toBeGreaterThan(700)
    expect(seen).toMatchObject({ recipients: run['sent'], examined: seen.customers })
    const taken = sendgrid.taken.map(({ email, data }) => ({
      customer_id: data.customer_id,
      email,
      data,
    }))
    const [first] = seen.mails
    const sent = inOrder(taken).filter(
      ({ customer_id }) => customer_id >= String(first?.customer_id),
    )
    expect(seen.mails).toHaveLength(100)
    expect(
      seen.mails.map(({ customer_id, email, data }) => ({ customer_id, email, data })),
    ).toEqual(sent.slice(0, 100))
    expect(seen.withheld.map(({ reason }) => reason).sort()).toEqual([
      'The customer has not given consent.',
      'The item is out of stock again.',
    ])
    const most = Math.max(...seen.withheld.map(({ customers }) => customers))
    expect(run['withheld']).toBeGreaterThanOrEqual(most)
    expect(await preview('back-in-stock')).toMatchObject({ customers: 0, recipients: 0, mails: [] })
  })

  it('of a reminder, and of a job that is not active', async () => {
    await set('reminder', { is_active: false })
    const { customers, recipients, mails } = await preview('reminder', '?limit=3')
    expect(mails).toHaveLength(3)
    expect(customers).toBe(1_000)
    expect(recipients).toBeGreaterThan(850)
    await set('reminder', { is_active: true })
    expect((await runNow(service.url, 'reminder'))['sent']).toBe(recipients)
  })

  it('says for one customer what comes, or why nothing does', async () => {
    await happens(
      level('v-1', 0),
      ...[customer('ada'), wishlist('w-a', 'ada', ['v-1'])],
      ...[customer('bob', { marketing_consent: false }), wishlist('w-b', 'bob', ['v-1'])],
      ...[customer('eve'), wishlist('w-e', 'eve', ['v-1'])],
      level('v-1', 2),
    )
    await set('back-in-stock', { max_mails_per_week: 1 })
    await database.pool.query(
      `insert into notice (
         tenant, notification, position, customer_id, item_id, job_id, run_id, state, mailed_at
       )
       values
         ('dodici', 'PRICE_DROP', 1, 'eve', 'v-1', 'drops', gen_random_uuid(), 'sent', now())`,
    )
    const of = (id: string) => preview('back-in-stock', `?customer_id=${id}`)
    expect(await of('ada')).toMatchObject({
      customers: 1,
      recipients: 1,
      mails: [{ email: 'ada@example.com', data: { item_count: 1, items: [{ item_id: 'v-1' }] } }],
      withheld: [],
    })
    const withheld = async (id: string) => (await of(id)).withheld
    expect(await withheld('bob')).toEqual([
      { reason: 'The customer has not given consent.', customers: 1, first: ['bob'] },
    ])
    expect(await withheld('eve')).toMatchObject([{ reason: expect.stringMatching(/seven days/) }])
    expect(await of('nobody')).toMatchObject({ customers: 0, mails: [], withheld: [] })
    // What a run has held back is seen as due.
    expect(await runNow(service.url)).toMatchObject({ sent: 1, capped: 1 })
    expect(await withheld('eve')).toMatchObject([{ customers: 1 }])
    await set('back-in-stock', { max_mails_per_week: null })
    expect(await of('eve')).toMatchObject({ recipients: 1 })
    await runNow(service.url)
  })

  it.each(['limit=0', 'limit=101', 'limit=x', 'customer_id=', 'customer_id=a&customer_id=b'])(
    'is refused %s',
    async (query) => {
      const reply = await call(`${service.url}${JOBS}/back-in-stock/preview?${query}`)
      const [field = ''] = query.split('=')
      expect(reply).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining(field) },
      })
    },
  )

  it('needs the right to read, of this tenant, and a job', async () => {
    const path = `${service.url}${JOBS}/back-in-stock/preview`
    const { token } = await makeKey(service.url, { scopes: ['publish'] })
    const other = await makeKey(service.url, { tenants: ['other'] })
    expect((await call(path, { token })).status).toBe(403)
    expect((await call(path, { token: other.token })).status).toBe(403)
    expect((await call(path, { headers: { tenant: 'other' } })).status).toBe(404)
  })
})

describe('a test mail', () => {
  const me = { email: 'me@example.com' }

  it('goes to its address alone, counts for nobody, and is in the log', async () => {
    await happens(level('v-1', 0), level('v-1', 2))
    const before = await notices()
    const { body, status } = await test('back-in-stock', me)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      outcome: 'accepted',
      reason: null,
      email: 'me@example.com',
      data_from: 'due',
      data: { customer_id: 'ada', item_count: 1 },
    })
    expect(sendgrid.taken).toEqual([{ ...me, template_id: 'd-1', data: body['data'] }])
    expect(await notices()).toEqual(before)
    const { rows } = await database.pool.query(
      `select actor, reason, version, status, document ->> 'template_id' as template
       from config_log where action = 'test_mail_sent'`,
    )
    const reason = 'Test mail sent to me@example.com via API.'
    const entry = { actor: 'admin token', version: expect.any(Number), status: 'running' }
    expect(rows).toEqual([{ ...entry, reason, template: 'd-1' }])
    expect(await runNow(service.url)).toMatchObject({ sent: 2 })
  })

  it('shows what a customer would get, or their wishlist, or an example', async () => {
    await happens(
      collected('variant_product', 'create', 'v-1', { product_id: 'p', name: 'Boot' }),
      price('v-1', 8),
    )
    // Bob has not given consent: he gets no mail, and the test goes to somebody else.
    const bobs = { ...me, customer_id: 'bob' }
    expect((await test('back-in-stock', bobs)).body).toMatchObject({
      data_from: 'wishlist',
      data: { customer_id: 'bob', item_count: 1, items: [{ name: 'Boot', is_news: true }] },
    })
    expect((await test('drops', bobs)).body).toMatchObject({
      data: { items: [{ price: 8, previous_price: 10, currency: 'EUR' }] },
    })
    expect((await test('reminder', bobs)).body).toMatchObject({
      data: { item_count: 1, items: [{ item_id: 'v-1', is_news: false }] },
    })
    expect((await test('drops', me)).body).toMatchObject({
      data_from: 'example',
      data: { items: [{ previous_price: 24.88, price: 19.9, in_stock: true }] },
    })
    expect(sendgrid.taken.map(({ email }) => email)).toEqual(Array(4).fill('me@example.com'))
  })

  it('says what SendGrid said', async () => {
    sendgrid.key = 'SG.another'
    const refused = await test('drops', me)
    sendgrid.key = SENDGRID_KEY
    expect(refused).toMatchObject({ status: 200, body: { outcome: 'refused' } })
    expect(refused.body['reason']).toMatch(/unauthorized \(HTTP status code 401\)/)
    sendgrid.bad = { emails: new Set(['me@example.com']), isNamed: true }
    expect((await test('drops', me)).body).toMatchObject({ outcome: 'rejected' })
    sendgrid.bad = { emails: new Set(), isNamed: true }
  })

  it('names what is wrong', async () => {
    const refused: [object, string][] = [
      [{}, 'email'],
      [{ email: 'me' }, 'email'],
      [{ ...me, customer_id: 'nobody' }, 'customer_id is no customer of the shop'],
      [{ ...me, to: 'x' }, 'to is not known'],
    ]
    for (const [body, message] of refused) {
      expect(await test('drops', body)).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining(message) },
      })
    }
    expect((await test('nothing', me)).status).toBe(404)
    const { token } = await makeKey(service.url, { scopes: ['read'] })
    const path = `${service.url}${JOBS}/drops/_test`
    expect((await call(path, { body: JSON.stringify(me), token })).status).toBe(403)
    await set('drops', { deleted: true })
    expect((await test('drops', me)).body).toMatchObject({ error_code: 'invalid_request' })
    await set('drops', { deleted: false })
  })
})

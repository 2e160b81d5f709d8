// Each kind of notification from events to mails: what it lists, and when it says nothing.

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { createJob, JOBS, runNow } from '../../scripts/kit/jobs.ts'
import { useDatabase } from '../helpers/database.ts'
import { SENDGRID_KEY, type SendGrid, senderSettings, startSendGrid } from '../helpers/sendgrid.ts'
import { type Service, startService } from '../helpers/service.ts'
import { collected, customer, level, price, projected, tell, wishlist } from '../helpers/shop.ts'

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
  for (const notification of ['BACK_IN_STOCK', 'PRICE_DROP', 'WISHLIST_REMINDER']) {
    const id = notification.toLowerCase()
    await createJob(service.url, { id, notification, number_of_items_in_email: -1 })
  }
  await happens(
    collected('product', 'create', 'p', { name: 'Boot', url: 'https://shop.example/p' }),
    collected('variant_product', 'create', 'v-1', { product_id: 'p', name: 'Boot, 42' }),
    ...[price('v-1', 10), price('v-2', 10), level('v-1', 1), level('v-2', 0)],
    ...[customer('ada'), wishlist('w-a', 'ada', ['v-1']), wishlist('w-b', 'ada', ['v-2', 'v-1'])],
    ...[customer('bob'), wishlist('w-c', 'bob', [])],
  )
})
afterAll(() => Promise.all([service.kill('SIGTERM'), sendgrid.close()]))
beforeEach(() => {
  sendgrid.taken = []
})

async function happens(...events: Parameters<typeof tell>[1]): Promise<void> {
  await projected(database, await tell(database, events))
}
const run = (id: string) => runNow(service.url, id)
const mails = () => sendgrid.taken.map(({ email, data }) => ({ email, ...data }))

it('PRICE_DROP compares with what it was at first, and is silent where it rose again', async () => {
  await happens(price('v-1', 9), price('v-1', 8.5), price('v-2', 7), price('v-2', 12))
  expect(await run('price_drop')).toMatchObject({ found: 2, sent: 1, notices: 1, withheld: 1 })
  const [mail, ...others] = mails()
  expect(others).toEqual([])
  expect(mail).toMatchObject({
    email: 'ada@example.com',
    notification: 'PRICE_DROP',
    item_count: 1,
  })
  const link = 'https://shop.example/p?utm_medium=mail&utm_campaign=autumn'
  expect(mail?.items).toEqual([
    {
      item_id: 'v-1',
      product_id: 'p',
      name: 'Boot, 42',
      url: link,
      image_url: null,
      price: 8.5,
      currency: 'EUR',
      previous_price: 10,
      in_stock: true,
      is_news: true,
    },
    {
      item_id: 'v-2',
      product_id: null,
      name: null,
      url: null,
      image_url: null,
      price: 12,
      currency: 'EUR',
      in_stock: false,
      is_news: false,
    },
  ])
  expect(await run('price_drop')).toMatchObject({ found: 0, sent: 0 })
})

it('WISHLIST_REMINDER goes out at every run, to who has something on a list', async () => {
  for (let n = 0; n < 2; n++) {
    expect(await run('wishlist_reminder')).toMatchObject({ found: 1, sent: 1, notices: 1 })
  }
  expect(mails()).toMatchObject([
    { customer_id: 'ada', item_count: 2, items: [{ item_id: 'v-1' }, { item_id: 'v-2' }] },
    { customer_id: 'ada', item_count: 2 },
  ])
  const change = { method: 'PUT', body: '{"number_of_items_in_email": 1}' }
  await call(`${service.url}${JOBS}/wishlist_reminder`, change)
  await run('wishlist_reminder')
  expect(mails().at(-1)).toMatchObject({ item_count: 2, items: [{ item_id: 'v-1' }] })
})

it('BACK_IN_STOCK with -1 lists the news, then the rest of the wishlist', async () => {
  await happens(level('v-2', 3))
  expect(await run('back_in_stock')).toMatchObject({ found: 1, sent: 1, notices: 1 })
  expect(mails()).toMatchObject([
    {
      item_count: 1,
      items: [
        { item_id: 'v-2', is_news: true, in_stock: true },
        { item_id: 'v-1', is_news: false },
      ],
    },
  ])
})

it('what is due waits where the job is changed to another kind', async () => {
  await happens(level('v-2', 0), level('v-2', 1))
  sendgrid.key = 'SG.another'
  expect(await run('back_in_stock')).toMatchObject({ state: 'failed', found: 1 })
  sendgrid.key = SENDGRID_KEY
  const become = (notification: string) =>
    call(`${service.url}${JOBS}/back_in_stock`, {
      method: 'PUT',
      body: JSON.stringify({ notification }),
    })
  await become('PRICE_DROP')
  expect(await run('back_in_stock')).toMatchObject({ state: 'completed', sent: 0 })
  await become('BACK_IN_STOCK')
  expect(await run('back_in_stock')).toMatchObject({ state: 'completed', found: 0, sent: 1 })
  expect(mails()).toMatchObject([{ customer_id: 'ada', item_count: 1 }])
})

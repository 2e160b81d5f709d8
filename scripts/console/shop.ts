// A shop with a notification job for the console: an item that two customers wish for is back in
// stock. One of them would get a mail, and one has not given consent.

import { publish, send } from '../kit/client.ts'
import { aJob, JOBS } from '../kit/jobs.ts'
import { until } from '../kit/until.ts'

/** Fills the tenant, and resolves when the job has something to send. */
export async function buildShop(url: string, tenant = 'dodici'): Promise<void> {
  const headers = { tenant }
  const weekdays = { schedule: '0 9 * * 1-5', timezone: 'Europe/Berlin' }
  const reminder = { id: 'wishlist', notification: 'WISHLIST_REMINDER', is_active: false }
  for (const job of [aJob({ ...weekdays, max_mails_per_week: 2 }), aJob(reminder)]) {
    await send(url + JOBS, { headers, body: JSON.stringify(job) })
  }
  // Nothing is due yet: it completes without a mail.
  await send(`${url}${JOBS}/back-in-stock/_run`, { method: 'POST', headers })
  let count = 0
  const announce = (name: string, entityId: string, value: object) =>
    publish(url, {
      name,
      entityId,
      key: `shop-${++count}`,
      tenant,
      payload: JSON.stringify({ id: entityId, ...value }),
    })
  const item = { variant_id: 'boot-42' }
  const person = { first_name: 'Ada', last_name: 'Lovelace', marketing_consent: true }
  await announce('customer.created', 'c-ada', { ...person, email: 'ada@example.com' })
  await announce('customer.created', 'c-bob', { first_name: 'Bob', email: 'bob@example.com' })
  await announce('variant_product.created', 'boot-42', { product_id: 'boot', name: 'Boot, 42' })
  await announce('price.created', 'price-boot-42', { ...item, amount: 89.9, currency: 'EUR' })
  for (const id of ['ada', 'bob']) {
    await announce('wishlist.created', `w-${id}`, { customer_id: `c-${id}`, items: [item] })
  }
  for (const available of [0, 4]) {
    await announce('inventory_level.updated', 'boot-42-l', { ...item, location_id: 'l', available })
  }
  await until('somebody would get a mail', async () => {
    const path = `${url}${JOBS}/back-in-stock/preview`
    return (await send<{ customers: number }>(path, { headers })).body.customers === 2
  })
}

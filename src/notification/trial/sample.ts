// The data of a test mail: what a customer would get now, or as if all of the wishlist were news,
// or made up. The address of a customer is never used.

import type { Db } from '../../db/pool.ts'
import type { Mail } from '../../destination/sendgrid.ts'
import type { JobDocument } from '../job.ts'
import { type Customer, type Due, mailOf, type Situation } from '../run/audience.ts'
import { readSituation } from '../run/situation.ts'
import { previewJob } from './preview.ts'
import type { TestMailResult } from './schemas.ts'

type Sample = { data: Mail['data']; data_from: TestMailResult['data_from'] }

/** `customer`: whose data it shows. Undefined if the shop does not know this customer. */
export async function sampleMail(
  db: Db,
  tenant: string,
  { id, document }: { id: string; document: JobDocument },
  customer: string | undefined,
): Promise<Sample | undefined> {
  const preview = await previewJob(db, tenant, id, { shown: 1, customer })
  const due = preview?.mails[0]
  if (due) return { data: due.data as Mail['data'], data_from: 'due' }
  if (customer === undefined) return exampleOf(document)
  const wished = await sampleOfWishlist(db, tenant, document, customer)
  return wished && { data: wished, data_from: 'wishlist' }
}

async function sampleOfWishlist(
  db: Db,
  tenant: string,
  document: JobDocument,
  customer_id: string,
): Promise<Mail['data'] | undefined> {
  const whole = { ...document, number_of_items_in_email: -1 }
  const situation = await readSituation(db, tenant, whole, [newsOf(customer_id, '')])
  const customer = situation.customers.get(customer_id)
  if (!customer) return undefined
  const wishes = situation.wishes.get(customer_id) ?? []
  return dataOf({ ...situation, job: document }, customer, wishes)
}

function exampleOf(job: JobDocument): Sample {
  const customer: Customer = {
    customer_id: 'example',
    email: null,
    first_name: 'Ada',
    last_name: 'Example',
    marketing_consent: true,
  }
  const item_id = 'example-1'
  const item = {
    item_id,
    product_id: 'example',
    name: 'An example',
    url: 'https://shop.example/example-1',
    image_url: null,
    available: 3,
    prices: [{ currency: 'EUR', amount: 19.9 }],
  }
  const situation: Situation = {
    job,
    due: [],
    customers: new Map(),
    wishes: new Map([[customer.customer_id, [item_id]]]),
    items: new Map([[item_id, item]]),
  }
  return { data: dataOf(situation, customer, [item_id]), data_from: 'example' }
}

/** As if all of the wishes were news; a price was a quarter higher. */
function dataOf(situation: Situation, customer: Customer, wishes: string[]): Mail['data'] {
  const { notification } = situation.job
  if (notification === 'WISHLIST_REMINDER') return mailOf(situation, customer, []).data
  const news = wishes.map((item_id) => {
    const price = situation.items.get(item_id)?.prices[0]
    const due = newsOf(customer.customer_id, item_id)
    if (notification === 'BACK_IN_STOCK' || !price) return due
    const previous_price = Math.round(price.amount * 125) / 100
    return { ...due, previous_price, currency: price.currency }
  })
  return mailOf(situation, customer, news).data
}

const newsOf = (customer_id: string, item_id: string): Due => ({
  customer_id,
  item_id,
  position: 0,
  previous_price: null,
  currency: null,
})

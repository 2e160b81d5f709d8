// Decides who gets which mail. Pure: due notices and the current shop become mails, and withheld
// notices with reasons. An occasion (a restock, a price drop) makes a notice due, but the mail
// describes the present: customers without consent get none, and items that are gone again are
// omitted. Items beyond number_of_items_in_email count as mailed: the mail has their number.

import type { Mail } from '../../destination/sendgrid.ts'
import type { JobDocument } from '../job.ts'

/** A due notice. `item_id` is '' if it is about the whole wishlist. */
export type Due = {
  customer_id: string
  item_id: string
  position: number
  previous_price: number | null
  currency: string | null
}

export type Customer = {
  customer_id: string
  email: string | null
  first_name: string | null
  last_name: string | null
  marketing_consent: boolean | null
}

/** An item of the shop. `available`: over all locations. */
export type MailedItem = {
  item_id: string
  product_id: string | null
  name: string | null
  url: string | null
  image_url: string | null
  available: number
  prices: { currency: string; amount: number }[]
}

export type Audience = {
  mails: { customer_id: string; mail: Mail; dues: Due[] }[]
  withheld: { due: Due; reason: string }[]
}

export type Situation = {
  job: JobDocument
  due: Due[]
  customers: Map<string, Customer>
  /** The items of each customer's wishlists, in the order in which they were added. */
  wishes: Map<string, string[]>
  items: Map<string, MailedItem>
}

/** The mails of one batch, at most one per customer. */
export function audienceOf(situation: Situation): Audience {
  const audience: Audience = { mails: [], withheld: [] }
  const byCustomer = Map.groupBy(situation.due, ({ customer_id }) => customer_id)
  for (const [customer_id, due] of byCustomer) {
    const customer = situation.customers.get(customer_id)
    const obstacle = obstacleOf(customer)
    const dues: Due[] = []
    for (const one of due) {
      const reason = obstacle ?? staleness(situation, one)
      if (reason) audience.withheld.push({ due: one, reason })
      else dues.push(one)
    }
    if (dues.length === 0 || !customer?.email) continue
    const mail = mailOf(situation, customer, dues)
    audience.mails.push({ customer_id, mail: { ...mail, email: customer.email }, dues })
  }
  return audience
}

function obstacleOf(customer: Customer | undefined): string | undefined {
  if (!customer) return 'The customer is unknown.'
  if (customer.marketing_consent !== true) return 'The customer has not given consent.'
  return customer.email ? undefined : 'The customer has no address.'
}

/** Why a notice is obsolete. */
function staleness({ job, wishes, items }: Situation, due: Due): string | undefined {
  const wanted = wishes.get(due.customer_id) ?? []
  if (job.notification === 'WISHLIST_REMINDER') {
    return wanted.length > 0 ? undefined : 'The wishlist is empty.'
  }
  if (!wanted.includes(due.item_id)) return 'The item is not on the wishlist any more.'
  const item = items.get(due.item_id)
  if (job.notification === 'BACK_IN_STOCK') {
    return item && item.available > 0 ? undefined : 'The item is out of stock again.'
  }
  const price = item?.prices.find(({ currency }) => currency === due.currency)
  const isLower = price && due.previous_price !== null && price.amount < due.previous_price
  return isLower ? undefined : 'The price is not lower any more.'
}

/** The mail about due notices. */
export function mailOf(situation: Situation, customer: Customer, dues: Due[]): Omit<Mail, 'email'> {
  const { job, wishes } = situation
  const { campaign_id, utm_medium } = job.job_parameters
  const limit = job.number_of_items_in_email
  const isReminder = job.notification === 'WISHLIST_REMINDER'
  const occasions = new Map(dues.map((due) => [due.item_id, due]))
  const news = [...new Set(dues.map(({ item_id }) => item_id))].filter(Boolean)
  const others = (wishes.get(customer.customer_id) ?? []).filter((id) => !occasions.has(id))
  const listed = [...(limit === -1 ? news : news.slice(0, limit)), ...restListed(job, others)]
  const name = [customer.first_name, customer.last_name].filter(Boolean).join(' ')
  return {
    ...(name ? { name } : {}),
    data: {
      notification: job.notification,
      customer_id: customer.customer_id,
      first_name: customer.first_name,
      last_name: customer.last_name,
      ...(campaign_id === undefined ? {} : { campaign_id }),
      ...(utm_medium === undefined ? {} : { utm_medium }),
      item_count: isReminder ? others.length : news.length,
      items: listed.map((id) => lineOf(situation, id, occasions.get(id))),
    },
  }
}

/**
 * The items that a mail lists after its news: the whole wishlist if that was requested; only as
 * many as requested if the wishlist is the news.
 */
export function restListed(job: JobDocument, others: string[]): string[] {
  const limit = job.number_of_items_in_email
  if (limit === -1) return others
  return job.notification === 'WISHLIST_REMINDER' ? others.slice(0, limit) : []
}

function lineOf({ job, items }: Situation, item_id: string, due: Due | undefined) {
  const item = items.get(item_id)
  const price = due?.currency
    ? item?.prices.find(({ currency }) => currency === due.currency)
    : item?.prices[0]
  return {
    item_id,
    product_id: item?.product_id ?? null,
    name: item?.name ?? null,
    url: linkOf(item?.url, job),
    image_url: item?.image_url ?? null,
    price: price?.amount ?? null,
    currency: price?.currency ?? null,
    in_stock: (item?.available ?? 0) > 0,
    is_news: due !== undefined,
    ...(due?.previous_price == null ? {} : { previous_price: due.previous_price }),
  }
}

/** The link with utm_medium and utm_campaign; null if it is not a link. */
export function linkOf(
  url: string | null | undefined,
  { job_parameters: { campaign_id, utm_medium } }: Pick<JobDocument, 'job_parameters'>,
): string | null {
  const link = url && URL.canParse(url) ? new URL(url) : undefined
  if (!link || !/^https?:$/.test(link.protocol)) return null
  if (utm_medium) link.searchParams.set('utm_medium', utm_medium)
  if (campaign_id) link.searchParams.set('utm_campaign', campaign_id)
  return link.href
}

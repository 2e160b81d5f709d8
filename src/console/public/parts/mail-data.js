// The data for the template of a mail: its items in a line each, and all of it as JSON.

import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { Text } from './exchange.js'
import { Plain } from './plain.js'

/**
 * @typedef {{ item_id: string, name: string | null, price: number | null, currency: string | null,
 *   previous_price?: number, is_news: boolean }} Item
 */

/** @param {{ data: { items: Item[] } & Record<string, unknown> }} props */
export function MailData({ data }) {
  return html`<ul>
      ${data.items.map(
        (item) => html`<li key=${item.item_id}>
          <${Plain} text=${item.name ?? item.item_id} />${priceOf(item)}
          ${item.is_news && html` <strong>${t('jobs.news')}</strong>`}
        </li>`,
      )}
    </ul>
    <${Text} label=${t('jobs.data')} text=${JSON.stringify(data, null, 2)} />`
}

/** @param {Item} item */
function priceOf({ price, currency, previous_price }) {
  if (price === null) return ''
  const before = previous_price === undefined ? '' : ` (${previous_price})`
  return `, ${price} ${currency ?? ''}${before}`
}

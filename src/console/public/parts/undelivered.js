// The events of a period that an integration or a subscription has not received, and why.

import { useState } from 'preact/hooks'
import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { formatTime, t } from '../app/text.js'
import { EndOfPages, usePages } from './pages.js'
import { lastDay, Period, periodOf } from './period.js'
import { Plain } from './plain.js'
import { State } from './state.js'

const LENGTH = 50

/**
 * @typedef {{ position: number, published_at: string, name: string, entity_id: string,
 *   state: string, reason: string }} Missing
 */

/** @param {{ path: string }} props */
export function Undelivered({ path }) {
  const [period, setPeriod] = useState(lastDay)
  const pages = usePages(
    async (/** @type {number | null} */ after, signal) => {
      const query = { ...period, limit: LENGTH, ...(after === null ? {} : { after }) }
      /** @type {{ events: Missing[], next: number | null }} */
      const { events, next } = await ask(`${path}/undelivered`, { query, signal })
      return { rows: events, next }
    },
    [path, period],
  )
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    setPeriod(periodOf(/** @type {HTMLFormElement} */ (event.currentTarget)))
  }
  return html`<section aria-labelledby="undelivered">
    <h2 id="undelivered">${t('undelivered')}</h2>
    <form class="inline" onSubmit=${submit}>
      <${Period} ...${period} />
      <button>${t('show')}</button>
    </form>
    <ol class="rows">
      ${pages.rows?.map(
        ({ position, name, entity_id, published_at, state, reason }) => html`<li key=${position}>
          <p>
            <a href=${linkTo(['events', position])}><${Plain} text=${name} /></a>
            ${' '}<${Plain} text=${entity_id} />
            <span class="quiet"> ${formatTime(published_at)}</span>
          </p>
          <p><${State} state=${state} /> <${Plain} text=${reason} /></p>
        </li>`,
      )}
    </ol>
    <${EndOfPages} pages=${pages} empty=${t('undelivered.none')} />
  </section>`
}

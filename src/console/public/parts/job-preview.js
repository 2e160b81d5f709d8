// The customers who would get a mail if the job ran now, and their mails; and those who would not,
// and why.

import { useState } from 'preact/hooks'
import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { jobPath } from '../app/jobs.js'
import { formatNumber, formatTime, t } from '../app/text.js'
import { MailData } from './mail-data.js'
import { Plain } from './plain.js'
import { Loaded, usePolled } from './polled.js'

/**
 * @typedef {{ as_of: string, customers: number, examined: number, recipients: number,
 *   mails: { customer_id: string, email: string, data: any }[],
 *   withheld: { reason: string, customers: number, first: string[] }[] }} Preview
 */

/** @param {{ id: string }} props */
export function JobPreview({ id }) {
  // Its number makes the same customer be asked for again.
  const [asked, setAsked] = useState({ customer: '', number: 0 })
  const polled = usePolled((signal) => readPreview(id, asked.customer, signal), 0, [
    id,
    asked.number,
  ])
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget))
    const customer = String(data.get('customer') ?? '').trim()
    setAsked(({ number }) => ({ customer, number: number + 1 }))
  }
  return html`<section aria-labelledby="preview">
    <h2 id="preview">${t('jobs.preview')}</h2>
    <p class="quiet">${t('jobs.previewHint')}</p>
    <form class="inline" onSubmit=${submit}>
      <label class="field">${t('jobs.oneCustomer')}
        <input name="customer" autocomplete="off" maxlength="255" />
      </label>
      <button>${t('jobs.look')}</button>
    </form>
    <${Loaded} of=${polled}>
      ${polled.data && html`<${Result} preview=${polled.data} />`}
    <//>
  </section>`
}

/**
 * @param {string} id
 * @param {string} customer
 * @param {AbortSignal} signal
 * @returns {Promise<Preview>}
 */
const readPreview = (id, customer, signal) =>
  ask(jobPath(id, '/preview'), {
    query: customer === '' ? {} : { customer_id: customer },
    signal,
  })

/** @param {{ preview: Preview }} props */
function Result({ preview: { as_of, customers, examined, recipients, mails, withheld } }) {
  const values = { count: formatNumber(recipients), time: formatTime(as_of) }
  return html`<p role="status"><strong>${t('jobs.wouldGet', values)}</strong></p>
    ${customers === 0 && html`<p class="empty">${t('jobs.nobody')}</p>`}
    ${
      examined < customers &&
      html`<p>${t('jobs.examined', {
        examined: formatNumber(examined),
        customers: formatNumber(customers),
      })}</p>`
    }
    ${
      withheld.length > 0 &&
      html`<h3>${t('jobs.withheldWhy')}</h3>
      <ul>
        ${withheld.map(
          ({ reason, customers: count, first }) => html`<li>
            ${formatNumber(count)}: <${Plain} text=${reason} />${' '}
            <span class="quiet">
              <${Plain} text=${first.join(', ')} />${count > first.length && ' …'}
            </span>
          </li>`,
        )}
      </ul>`
    }
    ${
      mails.length > 0 &&
      html`<h3>${t('jobs.firstMails')}</h3>
      <ol class="rows">
        ${mails.map(
          ({ customer_id, email, data }) => html`<li key=${customer_id}>
            <details>
              <summary>
                <${Plain} text=${customer_id} />${' '}
                <span class="quiet"><${Plain} text=${email} /></span>
              </summary>
              <${MailData} data=${data} />
            </details>
          </li>`,
        )}
      </ol>`
    }`
}

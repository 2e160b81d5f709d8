// Subscriptions: queues and topics of AWS that receive the events of an entity type.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { addressOf, SUBSCRIPTIONS_PATH } from '../app/subscriptions.js'
import { t } from '../app/text.js'
import { Plain } from '../parts/plain.js'
import { Loaded, usePolled } from '../parts/polled.js'
import { HealthState, State } from '../parts/state.js'
import { Subscription } from '../parts/subscription.js'
import { NewSubscription, takenBy } from '../parts/subscription-form.js'

const POLL_MS = 5_000

/** @typedef {import('../app/subscriptions.js').Subscription} Subscribed */

/** @param {{ parts: string[], query: URLSearchParams }} props */
export function Subscriptions({ parts: [id, tab = ''], query }) {
  if (id) return html`<${Subscription} key=${id} id=${id} tab=${tab} />`
  const isNew = query.has('new') && mayConfigure.value
  return html`<h1 tabindex="-1">${t(isNew ? 'subscriptions.new' : 'subscriptions.title')}</h1>
    ${isNew ? html`<${NewSubscription} />` : html`<${List} />`}`
}

function List() {
  const polled = usePolled(
    async (signal) => /** @type {Subscribed[]} */ (await ask(SUBSCRIPTIONS_PATH, { signal })),
    POLL_MS,
  )
  const found = polled.data ?? []
  return html`<section aria-label=${t('subscriptions.title')}>
    <p class="quiet">${t('subscriptions.hint')}</p>
    <${Loaded} of=${polled}>
      ${
        found.length === 0
          ? html`<p class="empty">${t('subscriptions.none')}</p>`
          : html`<${Table} subscriptions=${found} />`
      }
    <//>
    ${
      mayConfigure.value &&
      html`<p><a class="button" href=${linkTo(['subscriptions'], { new: 1 })}>
        ${t('subscriptions.new')}
      </a></p>`
    }
  </section>`
}

/** @param {{ subscriptions: Subscribed[] }} props */
function Table({ subscriptions }) {
  return html`<table class="cards">
    <thead><tr>
      <th scope="col">${t('subscriptions.one')}</th><th scope="col">${t('state')}</th>
      <th scope="col">${t('subscriptions.takes')}</th>
      <th scope="col">${t('subscriptions.address')}</th>
    </tr></thead>
    <tbody>
      ${subscriptions.map(
        (one) => html`<tr key=${one.id}>
          <th scope="row">
            <a href=${linkTo(['subscriptions', one.id])}><${Plain} text=${one.id} /></a>
          </th>
          <td data-label=${t('state')}>
            <span>${
              one.active && one.health
                ? html`<${HealthState} health=${one.health} />`
                : html`<${State} state=${one.active ? 'running' : 'stopped'} />`
            }</span>
          </td>
          <td data-label=${t('subscriptions.takes')}><${Plain} text=${takenBy(one)} /></td>
          <td data-label=${t('subscriptions.address')}>
            <span>${one.destination.type} · <${Plain} text=${addressOf(one)} /></span>
          </td>
        </tr>`,
      )}
    </tbody>
  </table>`
}

// One event: what was published, to the byte, and who got it and when.

import { readDeliveries, readReceivers, receiverOf } from '../app/deliveries.js'
import { readEvent } from '../app/events.js'
import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { formatTime, t } from '../app/text.js'
import { askToResend } from '../parts/acts.js'
import { Payload } from '../parts/payload.js'
import { Plain } from '../parts/plain.js'
import { Loaded, usePolled } from '../parts/polled.js'
import { State } from '../parts/state.js'

const POLL_MS = 3_000

/** @typedef {import('../app/deliveries.js').Delivery} Delivery */

/** @param {{ position: string }} props */
export function Event({ position }) {
  const event = usePolled((signal) => readEvent(position, signal), 0, [position])
  const deliveries = usePolled((signal) => readDeliveries(position, signal), POLL_MS, [position])
  const receivers = usePolled(readReceivers, POLL_MS)
  return html`<h1 tabindex="-1">${t('event.title', { position })}</h1>
    <${Loaded} of=${event}><${Published} event=${event.data} /><//>
    <section aria-labelledby="deliveries">
      <h2 id="deliveries">${t('deliveries')}</h2>
      <${Loaded} of=${deliveries}>
        <${Deliveries} position=${Number(position)} deliveries=${deliveries.data ?? []}
          receivers=${receivers.data} />
      <//>
    </section>`
}

/** @param {{ event?: import('../app/payload.js').LoggedEvent }} props */
function Published({ event }) {
  if (!event) return null
  const { order_id, customer_id } = event.correlation_ids
  const story = (/** @type {string} */ q, /** @type {string} */ text) =>
    html`<a href=${linkTo(['events'], { q })}><${Plain} text=${text} /></a>`
  /** @type {[name: string, value: any][]} */
  const lines = [
    [t('event'), html`<${Plain} text=${event.name} />`],
    [t('time'), html`<time dateTime=${event.published_at}>${event.published_at}</time>`],
    [t('entity'), story(`entity:${event.entity_id}`, event.entity_id)],
    ...(order_id
      ? [/** @type {[string, any]} */ ([t('orderLabel'), story(`order:${order_id}`, order_id)])]
      : []),
    ...(customer_id
      ? [
          /** @type {[string, any]} */ ([
            t('customer'),
            story(`customer:${customer_id}`, customer_id),
          ]),
        ]
      : []),
    [t('key'), html`<${Plain} text=${event.idempotency_key} />`],
    [t('publisher'), html`<${Plain} text=${`${event.team} · ${event.service}`} />`],
  ]
  return html`<section aria-labelledby="published">
    <h2 id="published">${t('event.published')}</h2>
    <dl>${lines.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    <h3>${t('payload')}</h3>
    <${Payload} text=${event.payload} />
  </section>`
}

/**
 * @param {{ position: number, deliveries: Delivery[], receivers?: Set<string> }} props `receivers`:
 *   those that exist now, once they are known
 */
function Deliveries({ position, deliveries, receivers }) {
  if (deliveries.length === 0) return html`<p class="empty">${t('deliveries.none')}</p>`
  return html`<ul class="rows">
    ${deliveries.map(
      ({ kind, id, state, at, version, replay, reason }) => html`<li key=${`${kind} ${id}`}>
        <p>
          <strong>${
            kind === 'integration'
              ? html`<a href=${linkTo(['integrations', id])}><${Plain} text=${id} /></a>`
              : html`<a href=${linkTo(['subscriptions', id])}><${Plain} text=${id} /></a>
                (${t('subscription')})`
          }</strong>
          ${' '}<${State} state=${state} /> ${at && formatTime(at)}
          <span class="quiet">
            ${version !== null && ` · ${t('deliveries.version', { version })}`}
            ${replay !== null && ` · ${t('replay', { number: replay })}`}
          </span>
        </p>
        <p class="quiet"><${Plain} text=${reason} /></p>
        ${
          receivers?.has(receiverOf({ kind, id })) === false
            ? html`<p class="quiet">${t('deliveries.gone')}</p>`
            : mayConfigure.value &&
              receivers &&
              html`<button onClick=${() => askToResend(kind, id, position)}>
                ${t('resend')}<span class="for-readers"> ${id}</span>
              </button>`
        }
      </li>`,
    )}
  </ul>`
}

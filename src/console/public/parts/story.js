// Events found, each with who got it: the story of an order over all integrations.

import { useEffect, useState } from 'preact/hooks'
import { changes } from '../app/api.js'
import { readAllDeliveries } from '../app/deliveries.js'
import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { formatTime, nameOf, t } from '../app/text.js'
import { Plain } from './plain.js'
import { Sign } from './state.js'

/** States of events that were never to be sent. */
const BESIDE = ['filtered_out', 'before_its_start', 'after_its_end', 'after_its_removal']

/**
 * @typedef {import('../app/payload.js').LoggedEvent} LoggedEvent
 * @typedef {import('../app/deliveries.js').Delivery} Delivery
 */

/** @param {{ events: LoggedEvent[] }} props */
export function Story({ events }) {
  const [known, setKnown] = useState(/** @type {Map<number, Delivery[]>} */ (new Map()))
  const positions = events.map(({ position }) => position)
  useEffect(() => {
    const stop = new AbortController()
    void readAllDeliveries(positions, stop.signal, (position, deliveries) =>
      setKnown((old) => new Map(old).set(position, deliveries)),
    )
    return () => stop.abort()
  }, [positions.join(), changes.value])
  const columns = columnsOf([...known.values()].flat())
  return html`<div class="scrolls" tabindex="0" role="group" aria-label=${t('story')}>
    <table>
      <thead><tr>
        <th scope="col">${t('time')}</th><th scope="col">${t('event')}</th>
        <th scope="col">${t('entity')}</th>
        ${columns.map((id) => html`<th scope="col" class="mark"><${Plain} text=${id} /></th>`)}
      </tr></thead>
      <tbody>
        ${events.map(
          (event) => html`<${Line} key=${event.position} event=${event} columns=${columns}
            deliveries=${known.get(event.position)} />`,
        )}
      </tbody>
    </table>
  </div>
  <p class="quiet small">${t('story.signs')}</p>`
}

/** Those that were to get one of the events. @param {Delivery[]} deliveries */
function columnsOf(deliveries) {
  const concerned = deliveries.filter(({ state }) => !BESIDE.includes(state))
  return [...new Set(concerned.map(({ id }) => id))].sort()
}

/** @param {{ event: LoggedEvent, columns: string[], deliveries?: Delivery[] }} props */
function Line({ event: { position, published_at, name, entity_id }, columns, deliveries }) {
  const stateOf = (/** @type {string} */ id) => deliveries?.find((one) => one.id === id)?.state
  return html`<tr>
    <td><time dateTime=${published_at}>${formatTime(published_at)}</time></td>
    <th scope="row"><a href=${linkTo(['events', position])}><${Plain} text=${name} /></a></th>
    <td><${Plain} text=${entity_id} /></td>
    ${columns.map((id) => {
      const state = stateOf(id)
      return html`<td class="mark" title=${state && nameOf('state', state)}>
        ${state ? html`<${Sign} state=${state} />` : '…'}
      </td>`
    })}
  </tr>`
}

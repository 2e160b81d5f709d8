// The preview of a filter: the events of the last day that it takes, by name, and the newest.

import { useState } from 'preact/hooks'
import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { formatNumber, formatTime, t } from '../app/text.js'
import { filterOfForm } from './filter.js'
import { Plain } from './plain.js'

const PATH = 'api/v1/org/integrations/eventstream/_preview'

/**
 * @typedef {{ from: string, counted_from: string, events: number,
 *   names: { name: string, events: number }[], newest: { position: number, published_at: string,
 *   name: string, entity_id: string }[], warnings?: { message: string }[] }} Previewed
 */

/**
 * A button, and what it finds with the form as it is then.
 * @param {{ form: () => HTMLFormElement | null, onTaken(): void }} props `onTaken`: the service
 *   takes the filter
 */
export function Preview({ form, onTaken }) {
  const [found, setFound] = useState(/** @type {Previewed | null} */ (null))
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const show = async () => {
    const element = form()
    if (!element) return
    setBusy(true)
    setError('')
    const filter_conditions = filterOfForm(element)
    const body = filter_conditions ? { filter_conditions } : {}
    try {
      setFound(await ask(PATH, { method: 'POST', body }))
      onTaken()
    } catch (failure) {
      setFound(null)
      setError(/** @type {Error} */ (failure).message)
    }
    setBusy(false)
  }
  return html`<button type="button" disabled=${isBusy} onClick=${show}>${t('preview')}</button>
    <div role="status" class="preview">
      ${error && html`<p class="problem">${t('failed', { why: error })}</p>`}
      ${found && html`<${Found} found=${found} />`}
    </div>`
}

/** @param {{ found: Previewed }} props */
function Found({ found: { from, counted_from, events, names, newest, warnings = [] } }) {
  const isWhole = from === counted_from
  const values = { count: formatNumber(events), from: formatTime(counted_from) }
  return html`<h2>${t('preview.title')}</h2>
    <p>${t(isWhole ? 'preview.day' : 'preview.part', values)}</p>
    ${warnings.map(({ message }) => html`<p class="problem"><${Plain} text=${message} /></p>`)}
    ${
      names.length > 0 &&
      html`<div class="scrolls" tabindex="0" role="group" aria-label=${t('preview.names')}><table>
        <thead><tr>
          <th scope="col">${t('event')}</th>
          <th scope="col" class="number">${t('preview.count')}</th>
        </tr></thead>
        <tbody>
          ${names.map(
            (one) => html`<tr key=${one.name}>
              <th scope="row"><${Plain} text=${one.name} /></th>
              <td class="number">${formatNumber(one.events)}</td>
            </tr>`,
          )}
        </tbody>
      </table></div>
      <h2>${t('preview.newest')}</h2>
      <ol class="feed">
        ${newest.map(
          ({ position, published_at, name, entity_id }) => html`<li key=${position}>
            <time dateTime=${published_at}>${formatTime(published_at)}</time>
            <a href=${linkTo(['events', position])} target="_blank"><${Plain} text=${name} /></a>
            <span><${Plain} text=${entity_id} /></span>
          </li>`,
        )}
      </ol>`
    }`
}

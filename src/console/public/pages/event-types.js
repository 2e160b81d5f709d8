// Event types: those that are known, published or registered, each with its schema.

import { listEventTypes } from '../app/event-types.js'
import { html } from '../app/html.js'
import { goTo, linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { formatTime, t } from '../app/text.js'
import { EventType } from '../parts/event-type.js'
import { Field, Form, textsOf } from '../parts/form.js'
import { Plain } from '../parts/plain.js'
import { Loaded, usePolled } from '../parts/polled.js'

const POLL_MS = 10_000

/** @param {{ parts: string[] }} props */
export function EventTypes({ parts: [name] }) {
  if (name) return html`<${EventType} key=${name} name=${name} />`
  return html`<h1 tabindex="-1">${t('types.title')}</h1><${List} />`
}

function List() {
  const polled = usePolled(listEventTypes, POLL_MS)
  return html`<section aria-label=${t('types.title')}>
      <p class="quiet">${t('types.hint')}</p>
      <${Loaded} of=${polled}><${Table} types=${polled.data ?? []} /><//>
    </section>
    ${mayConfigure.value && html`<${ToRegister} />`}`
}

/** @param {{ types: import('../app/event-types.js').EventType[] }} props */
function Table({ types }) {
  return html`<table class="cards">
    <thead><tr>
      <th scope="col">${t('event')}</th><th scope="col">${t('types.description')}</th>
      <th scope="col">${t('types.schema')}</th><th scope="col">${t('types.lastPublished')}</th>
    </tr></thead>
    <tbody>
      ${types.map(
        ({
          name,
          description,
          deprecated,
          on_violation,
          last_published_at,
        }) => html`<tr key=${name}>
          <th scope="row">
            <a href=${linkTo(['event-types', name])}><${Plain} text=${name} /></a>
            ${deprecated && html` <span class="quiet small">${t('types.deprecated')}</span>`}
          </th>
          <td data-label=${t('types.description')}><${Plain} text=${description ?? '–'} /></td>
          <td data-label=${t('types.schema')}>
            ${on_violation ? t(`types.${on_violation}`) : '–'}
          </td>
          <td data-label=${t('types.lastPublished')}>${formatTime(last_published_at)}</td>
        </tr>`,
      )}
    </tbody>
  </table>`
}

function ToRegister() {
  const save = async (/** @type {HTMLFormElement} */ form) =>
    goTo(['event-types', textsOf(form)('name')])
  return html`<section aria-labelledby="new-type">
    <h2 id="new-type">${t('types.new')}</h2>
    <${Form} save=${save} confirm=${t('types.toSchema')}>
      <${Field} name="name" label=${t('types.name')} required
        pattern="[A-Za-z0-9_\\-]+(\\.[A-Za-z0-9_\\-]+)+" hint=${t('types.nameHint')} />
    <//>
  </section>`
}

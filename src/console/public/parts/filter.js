// The part of a form that chooses events: all of them, or those of some entities and names.

import { useState } from 'preact/hooks'
import { listEventTypes } from '../app/event-types.js'
import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { Check, Choice, Field } from './form.js'
import { Loaded, usePolled } from './polled.js'

/** @typedef {{ event_filter?: string[], entity_filter?: string[] }} Filter */

/**
 * The filter of a form with these fields; undefined: everything.
 * @param {HTMLFormElement} form
 * @returns {Filter | undefined}
 */
export function filterOfForm(form) {
  const data = new FormData(form)
  if (data.get('filter') === 'all') return undefined
  const others = String(data.get('filter_conditions') ?? '')
    .split(/[\s,]+/)
    .filter(Boolean)
  const entities = others.filter((one) => one.endsWith('.*')).map((one) => one.slice(0, -2))
  const names = others.filter((one) => !one.endsWith('.*'))
  return {
    event_filter: [...data.getAll('event').map(String), ...names],
    entity_filter: [...data.getAll('entity').map(String), ...entities],
  }
}

/** @param {{ filter?: Filter | undefined }} props */
export function FilterFields({ filter }) {
  const [isAll, setAll] = useState(filter === undefined)
  const types = usePolled(listEventTypes, 0)
  const chosen = isAll
    ? null
    : html`<${Loaded} of=${types}>
      <${Types} types=${types.data ?? []} filter=${filter ?? {}} />
    <//>`
  return html`<${Choice} name="filter" legend=${t('form.filter')} value=${isAll ? 'all' : 'some'}
    onChoose=${(/** @type {string} */ value) => setAll(value === 'all')}
    options=${[['all', t('form.everything')], ['some', t('form.some')]]}>
    ${chosen}
  <//>`
}

/** @param {{ types: import('../app/event-types.js').EventType[], filter: Filter }} props */
function Types({ types, filter: { event_filter = [], entity_filter = [] } }) {
  const entities = [...new Set(types.map(({ entity }) => entity))].sort()
  const names = types.map(({ name }) => name)
  const others = [
    ...event_filter.filter((name) => !names.includes(name)),
    ...entity_filter.filter((one) => !entities.includes(one)).map((one) => `${one}.*`),
  ]
  return html`<div class="choices">
      ${entities.map((entity) => {
        const own = types.filter((type) => type.entity === entity)
        const chosen = own.filter(({ name }) => event_filter.includes(name))
        return html`<details key=${entity} open=${chosen.length > 0}>
          <summary>${entity} <span class="quiet">(${own.length})</span></summary>
          <${Check} name="entity" value=${entity} label=${t('form.wholeEntity', { entity })}
            defaultChecked=${entity_filter.includes(entity)} />
          ${own.map(
            ({ name, deprecated }) => html`<${Check} name="event" value=${name}
              label=${deprecated ? `${name} (${t('types.deprecated')})` : name}
              defaultChecked=${event_filter.includes(name)} />`,
          )}
        </details>`
      })}
    </div>
    <${Field} name="filter_conditions" label=${t('form.otherNames')}
      hint=${t('form.otherNamesHint')} value=${others.join(' ')} />`
}

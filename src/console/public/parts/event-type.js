// One event type: what is known of it, and the schema that its events are checked against.

import { ApiError, change } from '../app/api.js'
import { pathOfType } from '../app/event-types.js'
import { html } from '../app/html.js'
import { linkTo } from '../app/route.js'
import { mayConfigure } from '../app/session.js'
import { formatTime, t } from '../app/text.js'
import { openDialog } from './dialog.js'
import { Text } from './exchange.js'
import { Check, Field, FormError, given, textsOf } from './form.js'
import { Plain } from './plain.js'
import { Loaded } from './polled.js'
import { readVersion, useVersion, VersionedForm } from './versioned.js'

/** @typedef {import('../app/event-types.js').EventType} Type */

const EXAMPLE = { type: 'object', required: ['id'], properties: { id: { type: 'string' } } }
const ROWS = 16
/** Nobody but the service publishes events of this entity. */
const RESERVED = 'millrace'

/** @param {{ name: string }} props */
export function EventType({ name }) {
  const path = pathOfType(name)
  const read = (/** @type {AbortSignal | undefined} */ signal) => readOrNew(name, signal)
  const [polled, setVersion] = useVersion(read, [name])
  const version = polled.data
  const again = async () => setVersion(await read(undefined))
  return html`<h1 tabindex="-1"><${Plain} text=${name} /></h1>
    <${Loaded} of=${polled}>
      ${
        version &&
        html`<${Known} type=${version.document} />
          ${
            mayConfigure.value && version.document.entity !== RESERVED
              ? html`<${Registration} key=${version.etag}
                  ...${{ name, path, version, again, onNewest: setVersion }} />`
              : html`<${Registered} type=${version.document} />`
          }`
      }
    <//>`
}

/**
 * A type that nobody knows yet is an empty one.
 * @param {string} name
 * @param {AbortSignal} [signal]
 * @returns {Promise<import('./versioned.js').Version<Type>>}
 */
async function readOrNew(name, signal) {
  try {
    return await readVersion(pathOfType(name), signal)
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error
    const empty = { description: null, deprecated: false, last_published_at: null }
    return { etag: '', document: { name, entity: name.split('.', 1)[0] ?? '', ...empty } }
  }
}

/** @param {{ type: Type }} props */
function Known({ type: { name, entity, description, deprecated, last_published_at } }) {
  return html`<section aria-label=${t('event')}>
    <dl>
      <dt>${t('entity')}</dt><dd><${Plain} text=${entity} /></dd>
      <dt>${t('types.description')}</dt><dd><${Plain} text=${description ?? '–'} /></dd>
      <dt>${t('types.lastPublished')}</dt><dd>${formatTime(last_published_at)}</dd>
      ${deprecated && html`<dt>${t('state')}</dt><dd>${t('types.deprecated')}</dd>`}
    </dl>
    <p><a href=${linkTo(['events'], { q: name })}>${t('types.events')}</a></p>
  </section>`
}

/** For readers. @param {{ type: Type }} props */
function Registered({ type: { schema, on_violation } }) {
  return html`<section aria-labelledby="schema">
    <h2 id="schema">${t('types.schema')}</h2>
    ${
      schema && on_violation
        ? html`<p>${t('types.onViolation')} ${t(`types.${on_violation}Text`)}.</p>
          <${Text} label=${t('types.schema')} text=${JSON.stringify(schema, null, 2)} />`
        : html`<p class="empty">${t('types.unregistered')}</p>`
    }
  </section>`
}

/**
 * @param {{ name: string, path: string, version: import('./versioned.js').Version<Type>,
 *   again(): Promise<void>, onNewest(version: import('./versioned.js').Version<Type>): void
 * }} props
 */
function Registration({ name, path, version, again, onNewest }) {
  const { schema, on_violation = 'warn', description, deprecated } = version.document
  /** @type {import('./versioned.js').Save} */
  const save = async (form, { etag }) => {
    await change(path, {
      method: 'PUT',
      headers: etag ? { 'if-match': etag } : {},
      body: bodyOf(form),
    })
    return t('types.saved', { name })
  }
  const remove = () => askToUnregister(name, again)
  const beside = () =>
    schema && html`<button type="button" onClick=${remove}>${t('types.remove')}</button>`
  return html`<section aria-labelledby="schema">
    <h2 id="schema">${t('types.schema')}</h2>
    ${!schema && html`<p class="empty">${t('types.unregistered')}</p>`}
    <${VersionedForm} ...${{ path, version, save, beside, onNewest }} confirm=${t('save')}>
      <${Field} name="schema" label=${t('types.schemaLabel')} rows=${ROWS} class="code"
        hint=${t('types.schemaHint')} required
        value=${JSON.stringify(schema ?? EXAMPLE, null, 2)} />
      <${Field} name="on_violation" label=${t('types.onViolation')} value=${on_violation}
        options=${[['warn', t('types.warnText')], ['reject', t('types.rejectText')]]} />
      <${Field} name="description" label=${t('types.description')} maxlength="1000"
        value=${description ?? ''} />
      <${Check} name="deprecated" label=${t('types.deprecatedLabel')}
        defaultChecked=${deprecated} />
    <//>
  </section>`
}

/** @param {HTMLFormElement} form */
function bodyOf(form) {
  const text = textsOf(form)
  let schema
  try {
    schema = JSON.parse(text('schema'))
  } catch (error) {
    const { message } = /** @type {Error} */ (error)
    throw new FormError([{ field: 'schema', message: t('types.noJson', { why: message }) }])
  }
  return {
    schema,
    on_violation: text('on_violation'),
    deprecated: text('deprecated') !== '',
    ...given({ description: text('description') }),
  }
}

/** @param {string} name @param {() => Promise<void>} again */
function askToUnregister(name, again) {
  openDialog({
    title: t('types.removeTitle', { name }),
    text: t('types.removeText'),
    confirm: t('types.remove'),
    isDangerous: true,
    async act() {
      await change(pathOfType(name), { method: 'DELETE' })
      await again()
      return t('types.removed', { name })
    },
  })
}

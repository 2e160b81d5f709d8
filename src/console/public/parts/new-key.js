// The acts on keys. A new key is in the dialog alone, and goes with it: nothing here keeps it.

import { useState } from 'preact/hooks'
import { change } from '../app/api.js'
import { html } from '../app/html.js'
import { isActor, keyPath, madeBy } from '../app/keys.js'
import { session, tenant } from '../app/session.js'
import { t } from '../app/text.js'
import { openDialog } from './dialog.js'
import { Once } from './once.js'
import { Moment, momentOf } from './period.js'

const SCOPES = /** @type {const} */ (['publish', 'read', 'configure', 'admin'])

/** @typedef {import('../app/keys.js').Key} Key */

export function NewKey() {
  const [error, setError] = useState('')
  const own = session.value?.caller.scopes ?? []
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    const wanted = wantedOf(/** @type {HTMLFormElement} */ (event.currentTarget))
    setError(wanted.scopes.length === 0 ? t('keys.noScope') : '')
    if (wanted.scopes.length > 0) askToCreate(wanted)
  }
  return html`<section aria-labelledby="new-key">
    <h2 id="new-key">${t('keys.new')}</h2>
    <p class="quiet">${t('keys.newHint')}</p>
    <form class="form" onSubmit=${submit}>
      <${Field} name="name" label=${t('keys.purpose')} required=${true} />
      <${Field} name="tenants" label=${t('keys.tenantsLabel')} value=${tenant.value}
        required=${true} />
      <fieldset>
        <legend>${t('keys.scopes')}</legend>
        ${SCOPES.filter((scope) => own.includes(scope)).map(
          (scope) => html`<label class="check">
            <input type="checkbox" name="scopes" value=${scope} />
            <span>${scope}: <span class="quiet">${t(`keys.scope.${scope}`)}</span></span>
          </label>`,
        )}
      </fieldset>
      <${Moment} name="expires_at" label=${t('keys.expiresLabel')} />
      <details>
        <summary>${t('keys.bindings')}</summary>
        <${Field} name="teams" label=${t('keys.teamsLabel')} />
        <${Field} name="services" label=${t('keys.servicesLabel')} />
        <${Field} name="event_names" label=${t('keys.eventsLabel')} />
        <label class="field">${t('keys.rateLabel')}
          <input type="number" name="rate" min="1" max="1000000" />
        </label>
      </details>
      ${error && html`<p class="problem" role="alert">${error}</p>`}
      <div class="buttons"><button class="main">${t('keys.create')}</button></div>
    </form>
  </section>`
}

/** @param {{ name: string, label: string, value?: string, required?: boolean }} props */
function Field({ name, label, value = '', required = false }) {
  return html`<label class="field">${label}
    <input name=${name} defaultValue=${value} required=${required} maxlength="1000"
      autocomplete="off" spellcheck=${false} />
  </label>`
}

/**
 * The body of the request: what is left empty is the caller's own.
 * @param {HTMLFormElement} form
 */
function wantedOf(form) {
  const values = new FormData(form)
  const listOf = (/** @type {string} */ name, /** @type {RegExp} */ between) => {
    const list = String(values.get(name)).split(between).filter(Boolean)
    return list.length > 0 ? { [name]: list } : {}
  }
  const rate = Number(values.get('rate'))
  const expires_at = momentOf(form, 'expires_at')
  return {
    name: String(values.get('name')),
    tenants: String(values.get('tenants'))
      .split(/[\s,]+/)
      .filter(Boolean),
    scopes: values.getAll('scopes').map(String),
    ...listOf('teams', /\s*,\s*/),
    ...listOf('services', /\s*,\s*/),
    ...listOf('event_names', /\s*,\s*/),
    ...(rate > 0 ? { rate } : {}),
    ...(expires_at === undefined ? {} : { expires_at }),
  }
}

/** @param {ReturnType<typeof wantedOf>} wanted */
function askToCreate(wanted) {
  const { name, tenants, scopes } = wanted
  openDialog({
    title: t('keys.createTitle', { name }),
    text: t('keys.createText', { tenants: tenants.join(', '), scopes: scopes.join(', ') }),
    confirm: t('keys.create'),
    async act() {
      // The body names the tenants: a header would leave only its own.
      const { token } = await change(keyPath(), { body: wanted, tenant: '' })
      const once = { secret: token, label: t('keys.token'), hint: t('keys.created') }
      return { shown: html`<${Once} ...${once} />` }
    },
  })
}

/** @param {Key} key @param {Key[]} keys those that are shown, to name what goes with it */
export function askToRevoke(key, keys) {
  const { id, name } = key
  const made = madeBy(keys, id).map((one) => one.name)
  const isOwn = isActor(session.value?.caller.actor ?? '', id)
  const list = made.length > 0 ? made.join(', ') : t('keys.noneMade')
  openDialog({
    title: t('keys.revokeTitle', { name }),
    text: `${t('keys.revokeText', { keys: list })}${isOwn ? ` ${t('keys.revokeOwn')}` : ''}`,
    confirm: t('keys.revoke'),
    isDangerous: true,
    async act() {
      await change(keyPath(id), { method: 'DELETE', tenant: '' })
      return t('keys.wasRevoked', { name })
    },
  })
}

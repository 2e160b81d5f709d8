// The frame of every page: its navigation, the tenant, and whether the service answers.

import { useEffect, useRef } from 'preact/hooks'
import { isConnected } from '../app/api.js'
import { html } from '../app/html.js'
import { goTo, linkTo, route } from '../app/route.js'
import { openSession, session, signOut, tenant } from '../app/session.js'
import { chooseLanguage, language, t } from '../app/text.js'
import { DialogHost } from './dialog.js'
import { Notices, notify } from './notices.js'

/** @typedef {import('../app/text.js').TextKey} TextKey */

const TENANT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/

/**
 * `isLoaded`: the page is there, not only its address.
 * @param {{ pages: { path: string, title: TextKey }[], isLoaded: boolean, children?: any }} props
 */
export function Shell({ pages, isLoaded, children }) {
  const [current = ''] = route.value.parts
  const main = useRef(/** @type {HTMLElement | null} */ (null))
  const place = route.value.parts.join('/')
  const shown = useRef(place)
  useEffect(() => {
    if (!isLoaded) return
    // After a link, a reader of the screen goes on at the top of the new page.
    const heading = main.current?.querySelector('h1')
    document.title = `${heading?.textContent ?? ''} · Millrace`
    if (shown.current !== place) heading?.focus()
    shown.current = place
  }, [place, language.value, isLoaded])

  return html`<a class="skip" href="#main" onClick=${skip}>${t('skipLink')}</a>
    <header>
      <a class="brand" href=${linkTo([])}>Millrace</a>
      <nav aria-label=${t('pages')}>
        ${pages.map(
          ({ path, title }) => html`<a href=${linkTo(path === '' ? [] : [path])}
            aria-current=${path === current ? 'page' : undefined}>${t(title)}</a>`,
        )}
      </nav>
      <${TenantChooser} />
      <label class="compact">
        <span class="for-readers">${t('language')}</span>
        <select value=${language.value} onChange=${onLanguage}>
          <option value="en">English</option>
          <option value="de">Deutsch</option>
        </select>
      </label>
      <button onClick=${signOut} title=${session.value?.caller.actor}>
        ${t('signOut')}
      </button>
    </header>
    <div role="status" aria-live="polite">
      ${!isConnected.value && html`<p class="banner">${t('disconnected')}</p>`}
    </div>
    <main id="main" ref=${main} tabindex="-1">${children}</main>
    <${Notices} /><${DialogHost} />`

  /** @param {Event} event */
  function skip(event) {
    event.preventDefault()
    main.current?.focus()
  }
}

/** @param {Event} event */
const onLanguage = (event) =>
  chooseLanguage(/** @type {HTMLSelectElement} */ (event.currentTarget).value)

function TenantChooser() {
  const { caller } = session.value ?? {}
  if (!caller) return null
  const isOpen = caller.is_for_every_tenant
  if (!isOpen && caller.tenants.length < 2) return html`<span class="tenant">${tenant}</span>`
  /** @param {Event} event */
  const onChange = (event) => {
    const field = /** @type {HTMLInputElement} */ (event.currentTarget)
    const name = field.value.trim()
    if (session.value && TENANT.test(name)) {
      openSession({ ...session.value, tenant: name })
      goTo([])
    } else if (name !== '') notify(t('tenant.invalid', { name }))
    // The field never names another tenant than the page shows.
    field.value = tenant.value
  }
  return html`<label class="compact">
    <span>${t('tenant')}</span>
    ${
      isOpen
        ? html`<input list="tenants" value=${tenant.value} onChange=${onChange} size="10"
            spellcheck=${false} autocomplete="off" />
          <datalist id="tenants">
            ${caller.tenants.map((name) => html`<option value=${name} />`)}
          </datalist>`
        : html`<select value=${tenant.value} onChange=${onChange}>
          ${caller.tenants.map((name) => html`<option value=${name}>${name}</option>`)}
        </select>`
    }
  </label>`
}

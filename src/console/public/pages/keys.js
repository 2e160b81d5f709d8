// API keys: those that there are, a new one, and an end for one that nobody should use any more.

import { useState } from 'preact/hooks'
import { html } from '../app/html.js'
import { findKeys } from '../app/keys.js'
import { session, tenant } from '../app/session.js'
import { formatTime, t } from '../app/text.js'
import { askToRevoke, NewKey } from '../parts/new-key.js'
import { EndOfPages, usePages } from '../parts/pages.js'
import { Plain } from '../parts/plain.js'
import { State } from '../parts/state.js'

/** @typedef {import('../app/keys.js').Key} Key */

export function Keys() {
  const mayManage = session.value?.caller.scopes.includes('admin')
  return html`<h1 tabindex="-1">${t('keys.title')}</h1>
    ${mayManage ? html`<${List} /><${NewKey} />` : html`<p>${t('keys.forbidden')}</p>`}`
}

function List() {
  const [isOfAll, setOfAll] = useState(false)
  const pages = usePages(
    (/** @type {string | null} */ after, signal) => findKeys({ isOfAll, after }, signal),
    [isOfAll],
  )
  const { is_for_every_tenant: isForEvery, tenants } = session.value?.caller ?? {}
  const keys = pages.rows ?? []
  return html`<section aria-labelledby="keys">
    <h2 id="keys">
      ${isOfAll ? t('keys.listAll') : t('keys.list', { tenant: tenant.value })}
    </h2>
    ${
      (isForEvery || (tenants?.length ?? 0) > 1) &&
      html`<div class="buttons">
        <button aria-pressed=${isOfAll} onClick=${() => setOfAll(!isOfAll)}>
          ${t('keys.showAll')}
        </button>
      </div>`
    }
    <ol class="rows">
      ${keys.map((key) => html`<${Row} key=${key.id} of=${key} keys=${keys} />`)}
    </ol>
    <${EndOfPages} pages=${pages} empty=${t('keys.none')} />
  </section>`
}

/** @param {{ of: Key, keys: Key[] }} props */
function Row({ of: key, keys }) {
  const bounds = boundsOf(key)
  return html`<li>
    <p>
      <strong><${Plain} text=${key.name} /></strong> <${State} state=${key.status} />
      <code class="quiet"> ${key.id}</code>
    </p>
    <dl>
      <dt>${t('keys.scopes')}</dt><dd>${key.scopes.join(', ')}</dd>
      <dt>${t('keys.tenants')}</dt><dd><${Plain} text=${key.tenants.join(', ')} /></dd>
      ${bounds && html`<dt>${t('keys.bound')}</dt><dd><${Plain} text=${bounds} /></dd>`}
      <dt>${t('keys.made')}</dt>
      <dd>${formatTime(key.created_at)} · <${Plain} text=${key.created_by} /></dd>
      <dt>${t('keys.expires')}</dt>
      <dd>${key.expires_at ? formatTime(key.expires_at) : t('keys.never')}</dd>
      ${
        key.revoked_at &&
        html`<dt>${t('keys.ended')}</dt>
          <dd>${formatTime(key.revoked_at)} · <${Plain} text=${key.revoked_by} /></dd>`
      }
    </dl>
    ${
      key.status === 'active' &&
      html`<div class="buttons">
        <button onClick=${() => askToRevoke(key, keys)}>
          ${t('keys.revoke')}<span class="for-readers"> <${Plain} text=${key.name} /></span>
        </button>
      </div>`
    }
  </li>`
}

/** The bounds of the key, as a sentence. @param {Key} key */
function boundsOf({ teams, services, event_names, rate }) {
  const list = (/** @type {string[]} */ names) => ({ list: names.join(', ') })
  const words = [
    ...(teams ? [t('keys.teams', list(teams))] : []),
    ...(services ? [t('keys.services', list(services))] : []),
    ...(event_names ? [t('keys.events', list(event_names))] : []),
    ...(rate ? [t('keys.rate', { rate })] : []),
  ]
  return words.join('; ')
}

// A form that changes a thing of the service in the version that it began with. If somebody else
// has changed it meanwhile, it shows what, keeps what was entered, and may be saved again.

import { useEffect, useState } from 'preact/hooks'
import { ApiError, request } from '../app/api.js'
import { differencesOf } from '../app/differences.js'
import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { Form } from './form.js'
import { notify } from './notices.js'
import { Plain } from './plain.js'
import { Loaded } from './polled.js'

/**
 * `etag` is empty if there is no such thing yet.
 * @template T
 * @typedef {{ etag: string, document: T }} Version
 */

/**
 * The newest version of a thing.
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<Version<any>>}
 */
export async function readVersion(path, signal) {
  const answer = await request(path, signal ? { signal } : {})
  return { etag: answer.headers.get('etag') ?? '', document: await answer.json() }
}

/**
 * A version that is read once: what somebody enters must not change under their hands. The second
 * of the pair puts another in its place.
 * @param {(signal: AbortSignal) => Promise<Version<any>>} read
 * @param {unknown[]} inputs what `read` depends on
 * @returns {[import('./polled.js').Polled<Version<any>>, (next: Version<any>) => void]}
 */
export function useVersion(read, inputs) {
  const [state, setState] = useState(/** @type {import('./polled.js').Polled<Version<any>>} */ ({}))
  useEffect(() => {
    const stop = new AbortController()
    setState({})
    read(stop.signal).then(
      (data) => !stop.signal.aborted && setState({ data }),
      (error) => !stop.signal.aborted && setState({ error }),
    )
    return () => stop.abort()
  }, inputs)
  return [state, (data) => setState({ data })]
}

/** Fields that change by themselves. */
const PASSING = ['health', 'warnings', 'last_published_at', 'status']

/** @param {any} document */
const settled = (document) =>
  Object.fromEntries(Object.entries(document).filter(([name]) => !PASSING.includes(name)))

/**
 * The thing of a path as a form, once it is read. `fields` are those of its document; the rest is
 * as for a VersionedForm.
 * @param {{ path: string, confirm: string, fields(document: any): any, save: Save,
 *   beside?: import('./form.js').Beside }} props
 */
export function Versioned({ path, fields, ...form }) {
  const [read, setVersion] = useVersion((signal) => readVersion(path, signal), [path])
  const version = read.data
  return html`<${Loaded} of=${read}>
    ${
      version &&
      html`<${VersionedForm} key=${version.etag} ...${{ ...form, path, version }}
        onNewest=${setVersion}>
        ${fields(version.document)}
      <//>`
    }
  <//>`
}

/**
 * Changes the thing, whose version must still be this one; resolves with what to say then.
 * @typedef {(form: HTMLFormElement, version: Version<any>) => Promise<string>} Save
 */

/**
 * @param {{ path: string, version: Version<any>, confirm: string, children?: any, save: Save,
 *   onNewest(version: Version<any>): void, beside?: import('./form.js').Beside
 * }} props `onNewest` begins anew: with the other's version, or with the one that was saved
 */
export function VersionedForm({ path, version, confirm, children, save, onNewest, beside }) {
  const [newest, setNewest] = useState(/** @type {Version<any> | null} */ (null))
  const { etag } = newest ?? version
  /** @param {HTMLFormElement} form */
  const saveThis = async (form) => {
    const done = await save(form, { ...version, etag }).catch(refused)
    try {
      onNewest(await readVersion(path))
    } finally {
      // Once the page says that it is saved, it shows what was saved.
      notify(done)
    }
  }
  /** @param {unknown} error @returns {Promise<never>} */
  const refused = async (error) => {
    if (!(error instanceof ApiError) || error.status !== 412) throw error
    setNewest(await readVersion(path))
    throw new Error(t('version.conflict'))
  }
  return html`<${Form} save=${saveThis} confirm=${confirm} beside=${beside}>
    ${
      newest &&
      html`<${Changed} before=${version.document} after=${newest.document}
        onTake=${() => onNewest(newest)} />`
    }
    ${children}
  <//>`
}

/** @param {{ before: unknown, after: unknown, onTake: () => void }} props */
function Changed({ before, after, onTake }) {
  const differences = differencesOf(settled(before), settled(after))
  return html`<div class="conflict" role="group" aria-label=${t('version.title')}>
    <h3>${t('version.title')}</h3>
    ${differences.length === 0 && html`<p>${t('version.secret')}</p>`}
    <dl>
      ${differences.map(
        (one) => html`<dt>${one.path}</dt>
          <dd><${Plain} text=${one.before} /> → <${Plain} text=${one.after} /></dd>`,
      )}
    </dl>
    <p class="quiet">${t('version.hint')}</p>
    <p><button type="button" onClick=${onTake}>${t('version.take')}</button></p>
  </div>`
}

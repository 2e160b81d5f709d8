// The one dialog of the page: it says what an act will do, asks for what the act needs, and shows
// what came of it. The browser keeps the focus within it, and closes it with Escape.

import { signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { notify } from './notices.js'
import { Plain } from './plain.js'

/**
 * A text that the user gives.
 * @typedef {{ name: string, label: string, required?: boolean, value?: string,
 *   isLong?: boolean }} Field
 * `act` returns the sentence that says what was done, or markup that the dialog then shows.
 * @typedef {{ title: string, text: string, confirm: string, isDangerous?: boolean,
 *   fields?: Field[],
 *   act(values: Record<string, string>): Promise<string | { shown: any }> }} Asked
 */

/** @type {import('@preact/signals').Signal<Asked | null>} */
const open = signal(null)

/** @param {Asked} asked */
export function openDialog(asked) {
  open.value = asked
}

export function DialogHost() {
  return open.value && html`<${Dialog} key=${open.value.title} asked=${open.value} />`
}

/** @param {{ asked: Asked }} props */
function Dialog({ asked }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null))
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const [shown, setShown] = useState(/** @type {any} */ (null))
  useEffect(() => element.current?.showModal(), [])
  const close = () => element.current?.close()

  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault()
    const form = /** @type {HTMLFormElement} */ (event.currentTarget)
    const values = Object.fromEntries([...new FormData(form)].map(([k, v]) => [k, String(v)]))
    setBusy(true)
    setError('')
    try {
      const said = await asked.act(values)
      if (typeof said === 'string') {
        notify(said)
        close()
      } else setShown(said.shown)
    } catch (failure) {
      setError(/** @type {Error} */ (failure).message)
    }
    setBusy(false)
  }

  return html`<dialog
    ref=${element}
    aria-labelledby="dialog-title"
    onClose=${() => {
      open.value = null
    }}
  >
    <form onSubmit=${submit}>
      <h2 id="dialog-title"><${Plain} text=${asked.title} /></h2>
      ${shown ?? html`<p><${Plain} text=${asked.text} /></p>${(asked.fields ?? []).map(fieldOf)}`}
      ${error && html`<p class="problem" role="alert">${t('failed', { why: error })}</p>`}
      <div class="buttons">
        ${
          !shown &&
          html`<button class=${asked.isDangerous ? 'dangerous' : 'main'} disabled=${isBusy}>
            ${isBusy ? t('working') : asked.confirm}
          </button>`
        }
        <button type="button" onClick=${close}>${shown ? t('close') : t('cancel')}</button>
      </div>
    </form>
  </dialog>`
}

/** @param {Field} field */
function fieldOf({ name, label, required = false, value = '', isLong = false }) {
  const given = { name, required, maxLength: isLong ? undefined : 1000 }
  return html`<label class="field">
    ${label}
    ${
      isLong
        ? html`<textarea ...${given} rows="4" defaultValue=${value}></textarea>`
        : html`<input ...${given} defaultValue=${value} autocomplete="off" />`
    }
  </label>`
}

// Forms whose faults stand at their fields. A field has the name that the API has for it; what the
// API says about no field of the form stands above the buttons.

import { createContext } from 'preact'
import { useContext, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { html } from '../app/html.js'
import { t } from '../app/text.js'

/** @typedef {import('../app/api.js').Fault} Fault */

/** @type {import('preact').Context<Map<string, string[]>>} The reasons by the name of a field. */
const Reasons = createContext(new Map())

/** A fault that the page itself finds, before it asks the service. */
export class FormError extends Error {
  /** @param {Fault[]} faults */
  constructor(faults) {
    super(faults.map(({ message }) => message).join('; '))
    this.faults = faults
  }
}

/**
 * More buttons of a form. `settle` takes away the reasons at the field of a name.
 * @typedef {(form: () => HTMLFormElement | null, settle: (name: string) => void) => any} Beside
 */

/**
 * @param {{ save(form: HTMLFormElement): Promise<unknown>, confirm: string, children?: any,
 *   beside?: Beside }} props
 */
export function Form({ save, confirm, children, beside }) {
  const element = useRef(/** @type {HTMLFormElement | null} */ (null))
  const [isBusy, setBusy] = useState(false)
  const [reasons, setReasons] = useState(/** @type {Map<string, string[]>} */ (new Map()))
  /** The fields of `reasons` whose value is no longer the one that they are about. */
  const [settled, setSettled] = useState(/** @type {string[]} */ ([]))
  const [error, setError] = useState('')
  const shown = new Map([...reasons].filter(([name]) => !settled.includes(name)))
  const settle = (/** @type {string} */ name) =>
    setSettled((old) => (reasons.has(name) && !old.includes(name) ? [...old, name] : old))
  // With the reasons, not a frame later: somebody may be typing by then.
  useLayoutEffect(() => {
    /** @type {HTMLElement | null | undefined} */
    const first = element.current?.querySelector('[aria-invalid="true"]')
    first?.focus()
  }, [reasons])

  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault()
    const form = /** @type {HTMLFormElement} */ (event.currentTarget)
    setBusy(true)
    setError('')
    setReasons(new Map())
    setSettled([])
    try {
      await save(form)
    } catch (failure) {
      const { message, faults = [] } = /** @type {Error & { faults?: Fault[] }} */ (failure)
      const { placed, others } = placeOf(faults, form)
      setReasons(placed)
      setError(faults.length === 0 ? message : others.join('; '))
    }
    setBusy(false)
  }
  /** @param {{ target: EventTarget | null }} event */
  const onInput = ({ target }) =>
    settle(/** @type {HTMLInputElement | null} */ (target)?.name ?? '')
  return html`<form ref=${element} onSubmit=${submit} onInput=${onInput} class="form">
    <${Reasons.Provider} value=${shown}>${children}<//>
    <div role="alert">
      ${error && html`<p class="problem">${t('failed', { why: error })}</p>`}
      ${shown.size > 0 && html`<p class="problem">${t('form.faults')}</p>`}
    </div>
    <div class="buttons">
      <button class="main" disabled=${isBusy}>${isBusy ? t('working') : confirm}</button>
      ${beside?.(() => element.current, settle)}
    </div>
  </form>`
}

/**
 * The reasons at the fields of a form, each at the nearest one, and those that belong to none.
 * @param {Fault[]} faults
 * @param {HTMLFormElement} form
 */
function placeOf(faults, form) {
  const names = [...form.elements].map((one) => one.getAttribute('name')).filter((one) => one)
  /** @type {Map<string, string[]>} */
  const placed = new Map()
  /** @type {string[]} */
  const others = []
  for (const { field, message } of faults) {
    const near = names.filter((name) => field === name || /^[./]/.test(field.slice(name?.length)))
    const at = near
      .filter((name) => field.startsWith(name ?? ''))
      .sort(byLength)
      .at(-1)
    if (!at) others.push(message)
    else placed.set(at, [...(placed.get(at) ?? []), shortened(message, at)])
  }
  return { placed, others }
}

/** @param {string | null} a @param {string | null} b */
const byLength = (a, b) => (a?.length ?? 0) - (b?.length ?? 0)

/**
 * The fault without the name of the field that it stands at.
 * @param {string} text
 * @param {string} at
 */
const shortened = (text, at) => (text.startsWith(`${at} `) ? text.slice(at.length + 1) : text)

/**
 * A field with its label. `options` make it a choice; `rows`, a text of several lines; more is for
 * the input itself.
 * @param {{ name: string, label: string, hint?: string, rows?: number, value?: string | number,
 *   options?: [value: string, text: string][] } & Record<string, unknown>} props
 */
export function Field({ name, label, hint, rows, options, value = '', ...more }) {
  const reasons = useContext(Reasons).get(name) ?? []
  const id = `field-${name.replaceAll('.', '-')}`
  const about = [...(hint ? [`${id}-hint`] : []), ...(reasons.length > 0 ? [`${id}-reason`] : [])]
  const given = {
    id,
    name,
    'aria-describedby': about.join(' ') || undefined,
    'aria-invalid': reasons.length > 0 ? 'true' : undefined,
    spellcheck: false,
    autocomplete: 'off',
    ...more,
  }
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${inputOf({ rows, options, value, given })}
    ${hint && html`<p class="quiet small" id="${id}-hint">${hint}</p>`}
    ${
      reasons.length > 0 &&
      html`<p class="problem small" id="${id}-reason">${reasons.join('; ')}</p>`
    }
  </div>`
}

/**
 * @param {{ rows?: number | undefined, options?: [string, string][] | undefined,
 *   value: string | number, given: object }} field
 */
function inputOf({ rows, options, value, given }) {
  if (rows) return html`<textarea ...${given} rows=${rows} defaultValue=${value}></textarea>`
  if (!options) return html`<input ...${given} defaultValue=${value} />`
  return html`<select ...${given}>
    ${options.map(
      ([one, text]) => html`<option value=${one} selected=${one === value}>${text}</option>`,
    )}
  </select>`
}

/**
 * A box to check, with its label behind it.
 * @param {{ name: string, label: any, value?: string } & Record<string, unknown>} props
 */
export function Check({ name, label, value = 'true', type = 'checkbox', ...more }) {
  return html`<label class="check">
    <input type=${type} name=${name} value=${value} ...${more} /> <span>${label}</span>
  </label>`
}

/**
 * One of some values, as radio buttons.
 * @param {{ name: string, legend: string, value: string, options: [value: string, label: string][],
 *   onChoose(value: string): void, children?: any }} props
 */
export function Choice({ name, legend, value, options, onChoose, children }) {
  return html`<fieldset>
    <legend>${legend}</legend>
    ${options.map(
      ([one, label]) => html`<${Check} type="radio" ...${{ name, label, value: one }}
        checked=${one === value} onChange=${() => onChoose(one)} />`,
    )}
    ${children}
  </fieldset>`
}

/**
 * The texts of a form by name, without blanks around them.
 * @param {HTMLFormElement} form
 */
export function textsOf(form) {
  const data = new FormData(form)
  return (/** @type {string} */ name) => String(data.get(name) ?? '').trim()
}

/**
 * The fields that were filled in.
 * @param {Record<string, unknown>} fields
 */
export const given = (fields) =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== '' && value !== undefined),
  )

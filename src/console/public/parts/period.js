// Moments and periods, in the local time of the browser.

import { html } from '../app/html.js'
import { t } from '../app/text.js'

/** The value of an input for a moment. @param {Date} moment */
function localOf(moment) {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000)
  return shifted.toISOString().slice(0, 19)
}

/** The last day, up to now. */
export function lastDay() {
  const now = Date.now()
  return {
    from: new Date(now - 86_400_000).toISOString(),
    to: new Date(now).toISOString(),
  }
}

/**
 * The period of a form with these inputs, in UTC.
 * @param {HTMLFormElement} form
 */
export function periodOf(form) {
  return { from: String(momentOf(form, 'from')), to: String(momentOf(form, 'to')) }
}

/** @param {{ from: string, to: string }} props */
export function Period({ from, to }) {
  return html`<${Moment} name="from" label=${t('from')} value=${from} required=${true} />
    <${Moment} name="to" label=${t('to')} value=${to} required=${true} />`
}

/**
 * A moment of a form in UTC; undefined if none is given.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function momentOf(form, name) {
  const value = String(new FormData(form).get(name) ?? '')
  return value === '' ? undefined : new Date(value).toISOString()
}

/** @param {{ name: string, label: string, value?: string, required?: boolean }} props */
export function Moment({ name, label, value, required = false }) {
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone
  const moment = new Date(value ?? '')
  return html`<label class="field">${label}
    <input type="datetime-local" name=${name} step="1" required=${required} title=${zone}
      defaultValue=${Number.isNaN(moment.getTime()) ? '' : localOf(moment)} />
  </label>`
}

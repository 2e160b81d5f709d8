// The differences between two documents, for people: what was added, removed and changed, by the
// names of the fields. Long values are folded.

import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { Text } from './exchange.js'
import { Plain } from './plain.js'

/** A value up to this length is shown whole. */
const SHORT = 160
const MASK = '***'

/** @typedef {import('../app/changes.js').Difference} Difference */

/** @param {{ differences: Difference[] }} props */
export function Differences({ differences }) {
  if (differences.length === 0) return null
  return html`<ul class="differences">
    ${differences.map((one) => html`<${Line} key=${one.path} difference=${one} />`)}
  </ul>`
}

/** @param {{ difference: Difference }} props */
function Line({ difference }) {
  const { path, before, after } = difference
  const [tone, sign, word] =
    before === undefined
      ? ['good', '+', t('differences.added')]
      : after === undefined
        ? ['bad', '−', t('differences.removed')]
        : ['busy', '~', t('differences.changed')]
  const isSecret = before === MASK && after === MASK
  return html`<li>
    <span class="state ${tone}"><span aria-hidden="true">${sign}</span>
      <span class="for-readers">${word}</span></span>${' '}
    <strong><${Plain} text=${nameOf(path)} /></strong>${': '}
    ${
      isSecret
        ? html`<span class="quiet">${t('differences.secret')}</span>`
        : html`${before !== undefined && html`<del><${Value} value=${before} name=${path} /></del>`}
          ${sign === '~' && html` <span aria-hidden="true">→</span> `}
          ${after !== undefined && html`<ins><${Value} value=${after} name=${path} /></ins>`}`
    }
  </li>`
}

/** A JSON pointer, readable. @param {string} path */
const nameOf = (path) =>
  path
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join(' › ')

/** @param {{ value: unknown, name: string }} props */
function Value({ value, name }) {
  const short = typeof value === 'string' ? value : JSON.stringify(value)
  if (short.length <= SHORT) return html`<${Plain} text=${short === '' ? '""' : short} />`
  const whole = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return html`<details>
    <summary><${Plain} text=${`${short.slice(0, SHORT / 2)} …`} /></summary>
    <${Text} label=${nameOf(name)} text=${whole} />
  </details>`
}

// A payload as it was published, to the byte. Indenting changes only the spaces between its tokens.

import { useState } from 'preact/hooks'
import { html } from '../app/html.js'
import { indented } from '../app/payload.js'
import { t } from '../app/text.js'
import { Text } from './exchange.js'
import { notify } from './notices.js'

/** @param {{ text: string }} props */
export function Payload({ text }) {
  const [isIndented, setIndented] = useState(true)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    notify(t('payload.copied'))
  }
  return html`<${Text} label=${t('payload')} text=${isIndented ? indented(text) : text} />
    <div class="buttons">
      <button aria-pressed=${isIndented} onClick=${() => setIndented(!isIndented)}>
        ${t('payload.indent')}
      </button>
      ${navigator.clipboard && html`<button onClick=${copy}>${t('payload.copy')}</button>`}
    </div>`
}

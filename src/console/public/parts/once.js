// A secret that is shown this once, with a button to copy it.

import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { Text } from './exchange.js'
import { notify } from './notices.js'

/** @param {{ secret: string, label: string, hint?: string }} props `hint`: what to do with it */
export function Once({ secret, label, hint = t('once.hint') }) {
  const copy = async () => {
    await navigator.clipboard.writeText(secret)
    notify(t('once.copied'))
  }
  return html`<p><strong>${label}</strong> ${hint}</p>
    <${Text} label=${label} text=${secret} />
    ${
      navigator.clipboard &&
      html`<p><button type="button" onClick=${copy}>${t('once.copy')}</button></p>`
    }`
}

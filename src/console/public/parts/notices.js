// Says for a while what has just been done.

import { signal } from '@preact/signals'
import { html } from '../app/html.js'
import { t } from '../app/text.js'

const SHOWN_MS = 10_000
const MOST = 3

/** @type {import('@preact/signals').Signal<{ id: number, text: string }[]>} */
const notices = signal([])
let lastId = 0

/** @param {string} text */
export function notify(text) {
  const id = ++lastId
  notices.value = [...notices.value, { id, text }].slice(-MOST)
  setTimeout(() => dismiss(id), SHOWN_MS)
}

/** @param {number} id */
function dismiss(id) {
  notices.value = notices.value.filter((one) => one.id !== id)
}

export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.value.map(
      ({ id, text }) => html`<p key=${id}>
        <span>${text}</span>
        <button class="plain" aria-label=${t('close')} onClick=${() => dismiss(id)}>✕</button>
      </p>`,
    )}
  </div>`
}

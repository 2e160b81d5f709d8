// A request to a receiver and its answer, as a test event shows them.

import { html } from '../app/html.js'
import { formatMs, t } from '../app/text.js'
import { Plain } from './plain.js'
import { State } from './state.js'

/**
 * @param {{ result: { outcome: string, reason: string | null, duration_ms: number,
 *   sent: { url: string, headers: Record<string, string>, body: string },
 *   received: { status: number, headers: Record<string, string>, body: string } | null } }} props
 */
export function Exchange({ result: { outcome, reason, sent, received, duration_ms } }) {
  return html`<p role="status">
      <${State} state=${outcome} /> ${formatMs(duration_ms)}
      ${reason && html` · <${Plain} text=${reason} />`}
    </p>
    <h3>${t('test.sent')}</h3>
    <${Text} label=${t('test.sent')}
      text=${`POST ${sent.url}\n${linesOf(sent.headers)}\n\n${sent.body}`} />
    <h3>${t('test.received')}</h3>
    ${
      received
        ? html`<${Text} label=${t('test.received')}
            text=${`HTTP ${received.status}\n${linesOf(received.headers)}\n\n${received.body}`} />`
        : html`<p>${t('test.noAnswer')}</p>`
    }`
}

/** @param {Record<string, string>} headers */
const linesOf = (headers) =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')

/**
 * A text that may be long: it scrolls, also by keyboard.
 * @param {{ text: string, label: string }} props
 */
export function Text({ text, label }) {
  const look = { tabindex: 0, role: 'group', 'aria-label': label, dir: 'ltr' }
  return html`<pre ...${look}><${Plain} text=${text} /></pre>`
}

// The log of an integration or a subscription: the acts of people, and those of the service itself.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { formatTime, nameOf, t } from '../app/text.js'
import { EndOfPages, usePages } from './pages.js'
import { Plain } from './plain.js'

const LENGTH = 50

/** @typedef {{ created_at: string, action: string, reason: string, actor: string }} Entry */

/** @param {{ path: string }} props */
export function Log({ path }) {
  const pages = usePages((before, signal) => readEntries(path, before, signal), [path])
  return html`<section aria-labelledby="log">
    <h2 id="log">${t('log')}</h2>
    <ol class="rows">
      ${pages.rows?.map(
        ({ created_at, action, reason, actor }) => html`<li key=${created_at}>
          <p>
            <strong>${nameOf('action', action)}</strong>${' '}
            <time class="quiet" dateTime=${created_at}>${formatTime(created_at)}</time>
            <span class="quiet"> · <${Plain} text=${actor} /></span>
          </p>
          <p><${Plain} text=${reason} /></p>
        </li>`,
      )}
    </ol>
    <${EndOfPages} pages=${pages} empty=${t('log.empty')} />
  </section>`
}

/**
 * @param {string} path
 * @param {string | null} before
 * @param {AbortSignal} signal
 */
async function readEntries(path, before, signal) {
  const query = { limit: LENGTH, ...(before === null ? {} : { before }) }
  /** @type {{ entries: Entry[] }} */
  const { entries } = await ask(`${path}/logs`, { query, signal })
  return { rows: entries, next: (entries.length === LENGTH && entries.at(-1)?.created_at) || null }
}

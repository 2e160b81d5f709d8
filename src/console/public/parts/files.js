// The files that were written for an integration, and what is on its way to the next one.

import { ask } from '../app/api.js'
import { html } from '../app/html.js'
import { readStatistics } from '../app/integrations.js'
import { formatNumber, formatSeconds, formatTime, t } from '../app/text.js'
import { EndOfPages, usePages } from './pages.js'
import { Plain } from './plain.js'
import { Loaded, usePolled } from './polled.js'
import { State } from './state.js'

const LENGTH = 50
const POLL_MS = 5_000

/**
 * @typedef {{ key: string, count: number, bytes: number, sha256: string,
 *   first_published_at: string, last_published_at: string, created_at: string,
 *   finished_at: string }} File
 */

/**
 * @param {{ id: string, path: string,
 *   integration?: import('../app/integrations.js').Integration }} props without one: it is gone
 */
export function Files({ id, path, integration }) {
  const stats = usePolled((signal) => readStatistics(id, signal), POLL_MS, [id])
  const finished = stats.data?.counts.delivered ?? 0
  const pages = usePages(
    async (/** @type {string | null} */ before, signal) => {
      const query = { limit: LENGTH, ...(before === null ? {} : { before }) }
      /** @type {{ files: File[] }} */
      const { files } = await ask(`${path}/files`, { query, signal })
      return { rows: files, next: (files.length === LENGTH && files.at(-1)?.created_at) || null }
    },
    [path, finished],
  )
  return html`${
    integration &&
    html`<section aria-labelledby="next-file">
      <h2 id="next-file">${t('files.next')}</h2>
      <${Loaded} of=${stats}>
        ${stats.data && html`<${Next} stats=${stats.data} health=${integration.health} />`}
      <//>
    </section>`
  }
    <section aria-labelledby="files">
      <h2 id="files">${t('files.title')}</h2>
      <ol class="rows">
        ${pages.rows?.map((file) => html`<${Row} key=${file.key} file=${file} />`)}
      </ol>
      <${EndOfPages} pages=${pages} empty=${t('files.none')} />
    </section>`
}

/**
 * @param {{ stats: import('../app/integrations.js').Statistics,
 *   health?: import('../app/integrations.js').Health }} props
 */
function Next({ stats: { lag_events, lag_seconds, failures_in_a_row }, health }) {
  const values = { count: formatNumber(lag_events), age: formatSeconds(lag_seconds) }
  return html`<p>${t(lag_events === 0 ? 'files.nothing' : 'files.waiting', values)}</p>
    ${
      failures_in_a_row > 0 &&
      health &&
      html`<p>
        <${State} state=${health.state} />${' '}
        ${t('files.failing', {
          tries: failures_in_a_row,
          next: formatTime(health.next_try_at),
        })}
      </p>`
    }
    ${health?.state !== 'ok' && html`<p class="problem"><${Plain} text=${health?.message} /></p>`}`
}

/** @param {{ file: File }} props */
function Row({ file }) {
  const { key, count, bytes, sha256, first_published_at, last_published_at, finished_at } = file
  const values = { count: formatNumber(count), bytes: formatNumber(bytes) }
  return html`<li>
    <p><strong><${Plain} text=${key} /></strong></p>
    <p>
      ${t('files.holds', values)}
      <span class="quiet">${` · ${formatTime(first_published_at)} – ${formatTime(
        last_published_at,
      )} · ${t('files.finished', { time: formatTime(finished_at) })}`}</span>
    </p>
    <p class="quiet small">SHA-256 ${sha256}</p>
  </li>`
}

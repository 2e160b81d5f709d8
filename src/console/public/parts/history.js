// The changes of an integration's settings, with the differences between its versions.

import { findChanges } from '../app/changes.js'
import { html } from '../app/html.js'
import { t } from '../app/text.js'
import { ChangeList } from './change-list.js'
import { EndOfPages, usePages } from './pages.js'

/** @param {{ id: string }} props */
export function History({ id }) {
  const pages = usePages(
    (/** @type {number | null} */ before, signal) =>
      findChanges({ kind: 'integration', id }, before, signal),
    [id],
  )
  return html`<section aria-labelledby="history">
    <h2 id="history">${t('history')}</h2>
    <${ChangeList} changes=${pages.rows ?? []} isOfOne=${true} />
    <${EndOfPages} pages=${pages} empty=${t('audit.none')} />
  </section>`
}

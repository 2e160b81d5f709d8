// Lists in pages: the first one is read again after each change that this page makes, and a button
// brings the next.

import { useEffect, useState } from 'preact/hooks'
import { changes } from '../app/api.js'
import { html } from '../app/html.js'
import { tenant } from '../app/session.js'
import { t } from '../app/text.js'

/**
 * @template Row, Next
 * @typedef {{ rows: Row[], next: Next | null }} Page
 */

/**
 * @template Row, Next
 * @param {(next: Next | null, signal: AbortSignal) => Promise<Page<Row, Next>>} load
 * @param {unknown[]} inputs what `load` depends on, besides the tenant
 */
export function usePages(load, inputs) {
  const [rows, setRows] = useState(/** @type {Row[] | undefined} */ (undefined))
  const [next, setNext] = useState(/** @type {Next | null} */ (null))
  const [error, setError] = useState('')
  const [isLoading, setLoading] = useState(true)

  /** @param {Next | null} from @param {AbortSignal} signal */
  const read = async (from, signal) => {
    setLoading(true)
    setError('')
    try {
      const page = await load(from, signal)
      if (signal.aborted) return
      setRows((old) => (from === null ? page.rows : [...(old ?? []), ...page.rows]))
      setNext(page.next)
    } catch (failure) {
      if (signal.aborted) return
      setError(/** @type {Error} */ (failure).message)
    }
    setLoading(false)
  }
  useEffect(() => {
    const stop = new AbortController()
    void read(null, stop.signal)
    return () => stop.abort()
  }, [tenant.value, changes.value, ...inputs])
  const more = () => next !== null && void read(next, new AbortController().signal)
  return { rows, next, error, isLoading, more }
}

/**
 * The end of the rows: a failure, the way on, or that there is nothing.
 * @param {{ pages: ReturnType<typeof usePages>, empty: string }} props
 */
export function EndOfPages({ pages: { rows, next, error, isLoading, more }, empty }) {
  if (error) return html`<p class="problem" role="alert">${t('failed', { why: error })}</p>`
  if (isLoading) return html`<p class="quiet" role="status">${t('loading')}</p>`
  if (next !== null) return html`<button onClick=${more}>${t('more')}</button>`
  return rows?.length === 0 && html`<p class="empty">${empty}</p>`
}

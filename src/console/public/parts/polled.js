// Reads an answer of the service again every few seconds while somebody looks, and at once after
// each change that this page makes.

import { useEffect, useState } from 'preact/hooks'
import { changes } from '../app/api.js'
import { html } from '../app/html.js'
import { tenant } from '../app/session.js'
import { t } from '../app/text.js'

/**
 * @template T
 * @typedef {{ data?: T, error?: Error }} Polled
 */

/**
 * `data` is the last that was read; `error` why it is not newer. With `ms` 0 it is read again only
 * after changes.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {number} ms
 * @param {unknown[]} [inputs] what `load` depends on, besides the tenant
 * @returns {Polled<T>}
 */
export function usePolled(load, ms, inputs = []) {
  const [state, setState] = useState(/** @type {Polled<T>} */ ({}))
  useEffect(() => {
    setState({})
    return poll(load, ms, setState)
  }, [tenant.value, ...inputs])
  return state
}

/**
 * Reads until the returned function is called. Of reads at the same time, the last one counts.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {number} ms
 * @param {(next: Polled<T> | ((old: Polled<T>) => Polled<T>)) => void} setState
 */
function poll(load, ms, setState) {
  let current = new AbortController()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const run = async () => {
    clearTimeout(timer)
    current.abort()
    const mine = new AbortController()
    current = mine
    if (document.hidden) return
    try {
      const data = await load(mine.signal)
      if (!mine.signal.aborted) setState({ data })
    } catch (error) {
      if (!mine.signal.aborted) setState((old) => ({ ...old, error: /** @type {Error} */ (error) }))
    }
    if (!mine.signal.aborted && ms > 0) timer = setTimeout(run, ms)
  }
  const unsubscribe = changes.subscribe(() => void run())
  const look = () => void run()
  document.addEventListener('visibilitychange', look)
  return () => {
    clearTimeout(timer)
    current.abort()
    unsubscribe()
    document.removeEventListener('visibilitychange', look)
  }
}

/**
 * Stands in for data that is not there yet, or cannot be had.
 * @param {{ of: Polled<unknown>, children?: any }} props
 */
export function Loaded({ of: { data, error }, children }) {
  if (data !== undefined) return children
  if (error) return html`<p class="problem" role="alert">${t('failed', { why: error.message })}</p>`
  return html`<p class="quiet" role="status">${t('loading')}</p>`
}

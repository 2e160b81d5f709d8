// The address of what is shown, in the hash of the page's URL: #/integrations/erp-1/log?x=1.

import { computed, signal } from '@preact/signals'

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

/** The parts of the path, decoded, and the query. */
export const route = computed(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2)
  return { parts: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
})

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/**
 * A link to a page: `linkTo(['integrations', id], { tab: 'log' })`.
 * @param {(string | number)[]} parts
 * @param {Record<string, string | number | undefined>} [query]
 */
export function linkTo(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]))
  const path = parts.map((part) => encodeURIComponent(part)).join('/')
  return `#/${path}${given.length > 0 ? `?${search}` : ''}`
}

/** Takes the hash out of the address: what is shown is the first page. */
export function leaveHash() {
  // Unlike a new hash, this tells no listener.
  history.replaceState(null, '', location.pathname)
  hash.value = ''
}

/** @param {Parameters<typeof linkTo>} to */
export function goTo(...to) {
  location.hash = linkTo(...to)
}

// The user of the console: a token, and the tenant that is shown. The token stays in the storage of
// the browser's tab, and ends with it.

import { computed, signal } from '@preact/signals'

/**
 * The answer of GET /whoami.
 * @typedef {{ actor: string, scopes: string[], tenants: string[], is_for_every_tenant: boolean,
 *   expires_at?: string }} Caller
 * `signOutUrl`: where a person who came by OpenID Connect ends the issuer's session, too.
 * @typedef {{ token: string, tenant: string, signOutUrl?: string | undefined }} Stored
 * @typedef {Stored & { caller: Caller }} Session
 */

const KEY = 'millrace-session'

/** @type {import('@preact/signals').Signal<Session | null>} */
export const session = signal(null)

/** Why the last session ended by itself: a key of texts, or empty. */
export const endedBecause = signal(/** @type {'' | 'signIn.ended'} */ (''))

/** The tenant that is looked at; empty before one is chosen. */
export const tenant = computed(() => session.value?.tenant ?? '')

/** Whether the token may change what it sees. The service decides; this only hides buttons. */
export const mayConfigure = computed(
  () => session.value?.caller.scopes.includes('configure') ?? false,
)

/** @param {Session} next */
export function openSession(next) {
  session.value = next
  endedBecause.value = ''
  const { caller: _, ...stored } = next
  sessionStorage.setItem(KEY, JSON.stringify(stored))
}

/** @param {'' | 'signIn.ended'} [because] */
export function closeSession(because = '') {
  session.value = null
  endedBecause.value = because
  sessionStorage.removeItem(KEY)
}

/** Ends the session by hand: that of the issuer too, if there is one. */
export function signOut() {
  const url = session.value?.signOutUrl
  closeSession()
  if (url) location.assign(url)
}

/**
 * The session that an earlier page of this tab has stored; null if none.
 * @returns {Stored | null}
 */
export function storedSession() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') ?? {}
    const { token, tenant } = stored
    return typeof token === 'string' && typeof tenant === 'string' ? stored : null
  } catch {
    return null
  }
}

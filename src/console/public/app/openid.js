// Signing in with OpenID Connect: the page goes to the issuer, and comes back with a code, which
// the service redeems. Only this tab can: it keeps the proof that it has asked.

import { ApiError, ask } from './api.js'
import { t } from './text.js'

const KEY = 'millrace-openid'
/** The one address that the issuer must know. */
const REDIRECT_URI = new URL('console', new URL('.', document.baseURI)).href

/**
 * `hash`: the page that was left.
 * @typedef {{ state: string, nonce: string, verifier: string, hash: string }} Begun
 * @typedef {{ code: string, error: string, iss: string | null, begun: Begun | null }} Answer
 */

/** Whether the service offers it. */
export const offersOpenId = document.querySelector('#console[data-openid]') !== null

/**
 * Leaves for the issuer. `again` asks it for another person than last time.
 * @param {{ again: boolean }} options
 */
export async function beginOpenId({ again }) {
  // Browsers have no digests for a page that came without TLS.
  if (!isSecureContext) throw new ApiError(400, t('openid.insecure'))
  const { authorization_url } = await ask('console/openid', { token: '' })
  const begun = { state: random(), nonce: random(), verifier: random(), hash: location.hash }
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(begun.verifier))
  const url = new URL(authorization_url)
  const parameters = {
    redirect_uri: REDIRECT_URI,
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    ...(again ? { prompt: 'login' } : {}),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  sessionStorage.setItem(KEY, JSON.stringify(begun))
  location.assign(url)
}

/**
 * The answer that the issuer has sent back, once: it leaves the address. `begun` is null if this
 * tab did not ask for it.
 * @returns {Answer | null}
 */
export function takeAnswer() {
  const query = new URLSearchParams(location.search)
  const [code, error] = [query.get('code') ?? '', query.get('error') ?? '']
  if (!offersOpenId || (code === '' && error === '')) return null
  /** @type {Begun | null} */
  const begun = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
  sessionStorage.removeItem(KEY)
  const isOurs = begun !== null && begun.state === query.get('state')
  history.replaceState(null, '', location.pathname)
  // As a link would: the page follows the hash.
  if (isOurs && begun.hash) location.replace(begun.hash)
  return { code, error, iss: query.get('iss'), begun: isOurs ? begun : null }
}

/**
 * The token for the code of an answer.
 * @param {string} code
 * @param {string | null} iss
 * @param {Begun} begun
 * @returns {Promise<{ token: string, sign_out_url?: string }>}
 */
export function redeemCode(code, iss, { verifier, nonce }) {
  const answer = { code, redirect_uri: REDIRECT_URI, code_verifier: verifier, nonce }
  const body = iss === null ? answer : { ...answer, iss }
  return ask('console/openid', { method: 'POST', body, token: '' })
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

// Signing in: with an account if the service offers OpenID Connect, by the link of a start, or with
// a token. And the tenant, if the token has several.

import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, ask } from '../app/api.js'
import { html } from '../app/html.js'
import { beginOpenId, offersOpenId, redeemCode, takeAnswer } from '../app/openid.js'
import { leaveHash } from '../app/route.js'
import { endedBecause, openSession, storedSession } from '../app/session.js'
import { t } from '../app/text.js'

/**
 * Opens a session, if the service knows the token. Without a `tenant` it is the only one, or the
 * first.
 * @param {{ token: string, tenant?: string, signOutUrl?: string | undefined }} entry
 */
async function signIn({ token, tenant = '', signOutUrl }) {
  /** @type {import('../app/session.js').Caller} */
  const caller = await ask('whoami', { token, tenant })
  openSession({ token, tenant: tenant || (caller.tenants[0] ?? ''), signOutUrl, caller })
}

/** The code of the link that a start of the service prints, once: it leaves the address. */
function codeOfLink() {
  const [, code = ''] = /^#code=([\w-]+)$/.exec(location.hash) ?? []
  if (code) leaveHash()
  return code
}

/** The message of a failure. @param {unknown} error */
function reasonOf(error) {
  if (!(error instanceof ApiError)) return String(error)
  if (error.status === 0) return t('signIn.away')
  return error.status === 401 ? t('signIn.unknown') : error.message
}

/** The same, if it came from the issuer. @param {unknown} error */
function reasonOfOpenId(error) {
  if (!(error instanceof ApiError)) return String(error)
  if (error.status === 403) return t('openid.noRole')
  return error.status === 503 ? t('openid.away') : error.message
}

/**
 * Opens a session for the answer of the issuer.
 * @param {import('../app/openid.js').Answer} answer
 */
async function signInWith({ code, error, iss, begun }) {
  if (begun === null) throw new ApiError(400, t('openid.foreign'))
  if (error) throw new ApiError(400, t('openid.refused', { error }))
  const { token, sign_out_url: signOutUrl } = await redeemCode(code, iss, begun)
  await signIn({ token, signOutUrl })
}

export function SignIn() {
  const [[code, answer, stored]] = useState(
    () => /** @type {const} */ ([codeOfLink(), takeAnswer(), storedSession()]),
  )
  /** Nothing to fill in is shown before it is known that it is needed. */
  const [isReturning, setReturning] = useState(code !== '' || answer !== null || stored !== null)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState('')
  const [isRefused, setRefused] = useState(false)
  const input = useRef(/** @type {HTMLInputElement | null} */ (null))

  /**
   * @param {() => Promise<void>} work
   * @param {(error: unknown) => string} reason
   */
  const attempt = async (work, reason) => {
    setBusy(true)
    setError('')
    try {
      await work()
    } catch (failure) {
      setError(reason(failure))
      setRefused(failure instanceof ApiError && failure.status === 403)
      setBusy(false)
      setReturning(false)
    }
  }
  const byLink = async () => {
    const { token } = await ask('console/sign-in', { method: 'POST', body: { code }, token: '' })
    await signIn({ token })
  }
  useEffect(() => {
    if (code) void attempt(byLink, (failure) => /** @type {Error} */ (failure).message)
    else if (answer) void attempt(() => signInWith(answer), reasonOfOpenId)
    else if (stored) void attempt(() => signIn(stored), reasonOf)
  }, [])
  useEffect(() => {
    if (error && !offersOpenId) input.current?.focus()
  }, [error])

  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault()
    const token = input.current?.value.trim() ?? ''
    // A header takes no other characters.
    if (/^[\x21-\x7e]+$/.test(token)) void attempt(() => signIn({ token }), reasonOf)
    else setError(t('signIn.unknown'))
  }
  const leave = () => void attempt(() => beginOpenId({ again: isRefused }), reasonOfOpenId)

  if (isReturning) {
    return html`<main class="sign-in" id="main">
      <h1>Millrace</h1>
      <p class="quiet" role="status">${t('loading')}</p>
    </main>`
  }
  return html`<${Entry} ...${{ error, isBusy, input, submit, leave }} />`
}

/**
 * The form: a token, or an account.
 * @param {{ error: string, isBusy: boolean, input: import('preact').RefObject<HTMLInputElement>,
 *   submit: (event: SubmitEvent) => void, leave: () => void }} props
 */
function Entry({ error, isBusy, input, submit, leave }) {
  return html`<main class="sign-in" id="main">
    <h1>Millrace</h1>
    <p>${t('signIn.purpose')}</p>
    ${endedBecause.value && html`<p class="problem" role="status">${t(endedBecause.value)}</p>`}
    ${error && html`<p class="problem" role="alert">${error}</p>`}
    ${
      offersOpenId &&
      html`<p><button class="main" disabled=${isBusy} onClick=${leave}>
          ${isBusy ? t('working') : t('openid.enter')}
        </button></p>
        <p class="or"><span>${t('openid.or')}</span></p>`
    }
    <form onSubmit=${submit}>
      <label class="field">
        ${t('signIn.token')}
        <input ref=${input} type="password" name="token" required autocomplete="off"
          spellcheck=${false} aria-describedby="token-hint" disabled=${isBusy} />
      </label>
      <p class="quiet" id="token-hint">${t('signIn.hint')}</p>
      <button class=${offersOpenId ? '' : 'main'} disabled=${isBusy}>
        ${isBusy ? t('working') : t('signIn.enter')}
      </button>
    </form>
  </main>`
}

// The client of the issuer of OpenID Connect: it knows where a person signs in, and redeems the
// code of a sign-in. It reads the issuer's documents with the first use, and anew every hour.

import * as openid from 'openid-client'
import type { Clock } from '../clock.ts'
import { MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { createIssuerFetch } from './fetch.ts'
import type { Claims } from './person.ts'

const SCOPE = 'openid profile email'
const TIMEOUT_SECONDS = 10
const KNOWN_MS = 3_600_000
/** Codes that are being redeemed at once: each is a request to the issuer, and anybody may ask. */
const MOST_AT_ONCE = 32
/** Codes of faults of the ID token; any other is an outage of the issuer. */
const INVALID_TOKEN = [
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
]

/** The answer of the issuer to a page, and the proof that this page has asked. */
type SignInAnswer = {
  code: string
  iss?: string
  redirect_uri: string
  code_verifier: string
  nonce: string
}

export type OpenId = {
  /** Where to sign in; the page adds redirect_uri, state, nonce and code_challenge. */
  authorizationUrl(): Promise<string>
  /**
   * The claims of a valid ID token, and where the person signs out. Throws `unauthorized` if the
   * issuer refuses the code or its token is not valid, `unavailable` if it does not answer.
   */
  redeem(answer: SignInAnswer): Promise<{ claims: Claims; signOutUrl: string | undefined }>
}

type Settings = { issuer: string; clientId: string; clock: Clock; logger: Logger }

/** A public client with PKCE: nobody keeps a secret. */
export function createOpenId({ issuer, clientId, clock, logger }: Settings): OpenId {
  let known: { config: Promise<openid.Configuration>; until: number } | undefined
  let redeeming = 0

  /** One look at the issuer at a time; a failed one is forgotten. */
  const discover = async () => {
    if (!known || clock() > known.until) {
      const config = discoverIssuer(issuer, clientId)
      known = { config, until: clock() + KNOWN_MS }
      config.catch(() => {
        known = undefined
      })
    }
    return known.config
  }

  const redeem = async ({ code, iss, redirect_uri, code_verifier, nonce }: SignInAnswer) => {
    const config = await discover()
    const url = new URL(redirect_uri)
    url.search = new URLSearchParams({ code, ...(iss === undefined ? {} : { iss }) }).toString()
    const checks = { pkceCodeVerifier: code_verifier, expectedNonce: nonce }
    const tokens = await openid.authorizationCodeGrant(config, url, checks)
    return {
      claims: tokens.claims() as Claims,
      signOutUrl: signOutUrlOf(config, redirect_uri, tokens.id_token as string),
    }
  }

  return {
    async authorizationUrl() {
      try {
        const parameters = { scope: SCOPE, code_challenge_method: 'S256' }
        return openid.buildAuthorizationUrl(await discover(), parameters).href
      } catch (error) {
        throw explained(error, logger)
      }
    },
    async redeem(answer) {
      if (redeeming >= MOST_AT_ONCE) {
        const message = 'Too many people sign in at this moment.'
        throw new MillraceError('overloaded', message, { retryAfterSeconds: 1 })
      }
      redeeming++
      try {
        return await redeem(answer)
      } catch (error) {
        throw explained(error, logger)
      } finally {
        redeeming--
      }
    },
  }
}

function discoverIssuer(issuer: string, clientId: string): Promise<openid.Configuration> {
  const url = new URL(issuer)
  return openid.discovery(url, clientId, undefined, openid.None(), {
    timeout: TIMEOUT_SECONDS,
    [openid.customFetch]: createIssuerFetch() as openid.CustomFetch,
    execute: [
      // The signature of an ID token is checked, even if it came over TLS.
      openid.enableNonRepudiationChecks,
      // Only an issuer on this machine may be without TLS: token-settings.ts.
      ...(url.protocol === 'http:' ? [openid.allowInsecureRequests] : []),
    ],
  })
}

function signOutUrlOf(config: openid.Configuration, backTo: string, idToken: string) {
  if (!config.serverMetadata().end_session_endpoint) return undefined
  const parameters = { post_logout_redirect_uri: backTo, id_token_hint: idToken }
  return openid.buildEndSessionUrl(config, parameters).href
}

/** Neither message nor line has a code or a token. */
function explained(error: unknown, logger: Logger): MillraceError {
  if (error instanceof openid.ResponseBodyError && error.status < 500) {
    logger.debug({ reason: error.error }, 'sign-in refused by the issuer')
    const message = `The issuer of OpenID Connect refuses this sign-in: ${error.error}.`
    return new MillraceError('unauthorized', message)
  }
  const { code = '', message: reason } = error as Error & { code?: string }
  if (INVALID_TOKEN.includes(code)) {
    logger.debug({ reason }, 'ID token refused')
    const message = `The ID token of the issuer is not valid: ${reason}.`
    return new MillraceError('unauthorized', message)
  }
  const message = 'The issuer of OpenID Connect does not answer as it should. Try again later.'
  return new MillraceError('unavailable', message, { retryAfterSeconds: 5, cause: error })
}

// JWTs (RFC 7519). Two kinds of key, never mixed: HS256 is verified with the shared secret alone,
// RS256, ES256 and EdDSA with the keys of a JWKS URL alone; no other algorithm is taken. So a
// public key is never used as a secret, and `none` is nothing.

import {
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose'
import { Agent, fetch } from 'undici'
import type { Clock } from '../clock.ts'
import { createConnector } from '../destination/connector.ts'
import { MillraceError } from '../errors.ts'
import type { Grant } from '../http/identity.ts'
import type { Logger } from '../logger.ts'

const OWN_ISSUER = 'millrace'
/** The claim of tokens from /oauth2/token: the API key that asked for it. */
const KEY_CLAIM = 'millrace_key'
const KEY_SET_ALGORITHMS = ['RS256', 'ES256', 'EdDSA']
const SUBJECT_LENGTH = 100
/** What clocks may differ by, in seconds. */
const CLOCK_TOLERANCE = 5
/** A key that was withdrawn from the JWKS is still taken that long. */
const KEY_SET_AGE_MS = 300_000
/** A kid that is not known asks the JWKS again, but not more often than this. */
const KEY_SET_PAUSE_MS = 5_000
/** The last second that a date of RFC 3339 can name. */
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1_000
/** Codes of jose that speak of the JWKS itself, not of the token. */
const OUTAGES = ['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']

type JwtSettings = {
  /** Each verifies HS256; the first one signs what /oauth2/token gives. */
  secrets: Uint8Array[]
  jwksUrl?: string | undefined
  issuer?: string | undefined
  audience?: string | undefined
  clock: Clock
  logger: Logger
}

/** What a valid token says. `keyId` is there if it was given for an API key. */
type Claims = { subject: string; grant: Grant; expiresAt: Date; keyId?: string }

export type Jwt = {
  /** The claims; undefined where the token is not valid. Throws `unavailable` without a JWKS. */
  verify(token: string): Promise<Claims | undefined>
  /** A token for an API key. */
  sign(keyId: string, grant: Grant, seconds: number): Promise<string>
}

/** Verifies and signs tokens. The JWKS is fetched when the first token needs it. */
export function createJwt(settings: JwtSettings): Jwt {
  const { secrets, issuer, audience, clock, logger } = settings
  const keySet =
    settings.jwksUrl &&
    createRemoteJWKSet(new URL(settings.jwksUrl), {
      cacheMaxAge: KEY_SET_AGE_MS,
      cooldownDuration: KEY_SET_PAUSE_MS,
      [customFetch]: fetchKeySet(),
    })

  return {
    async verify(token) {
      const algorithm = algorithmOf(token)
      const checks = {
        ...(issuer ? { issuer } : {}),
        ...(audience ? { audience } : {}),
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE,
        currentDate: new Date(clock()),
      }
      try {
        if (algorithm === 'HS256') {
          return claimsOf(await verifyShared(token, secrets, checks))
        }
        if (!keySet || !KEY_SET_ALGORITHMS.includes(algorithm)) return undefined
        const { payload } = await jwtVerify(token, keySet, { ...checks, algorithms: [algorithm] })
        return claimsOf(payload)
      } catch (error) {
        if (!(error instanceof errors.JOSEError) || OUTAGES.includes(error.code)) {
          const message = 'The key set that verifies this token cannot be had.'
          throw new MillraceError('unavailable', message, { cause: error, retryAfterSeconds: 1 })
        }
        logger.debug({ reason: error.message }, 'JWT refused')
        return undefined
      }
    },
    sign(keyId, { tenants, scopes, teams, services, eventNames }, seconds) {
      const now = Math.floor(clock() / 1000)
      const claims = {
        tenant: tenants,
        scope: scopes.join(' '),
        ...(teams ? { team: teams } : {}),
        ...(services ? { service: services } : {}),
        ...(eventNames ? { event_names: eventNames } : {}),
        [KEY_CLAIM]: keyId,
      }
      const token = new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(keyId)
        .setIssuer(issuer ?? OWN_ISSUER)
        .setIssuedAt(now)
        .setExpirationTime(now + seconds)
      if (audience) token.setAudience(audience)
      return token.sign(secrets[0] as Uint8Array)
    },
  }
}

/** The claims of a token that one of the secrets has signed. Throws the error of the last one. */
async function verifyShared(
  token: string,
  [secret, ...others]: Uint8Array[],
  checks: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, secret as Uint8Array, { ...checks, algorithms: ['HS256'] }))
      .payload
  } catch (error) {
    if (others.length === 0 || !(error instanceof errors.JWSSignatureVerificationFailed))
      throw error
    return verifyShared(token, others, checks)
  }
}

/** A fetch whose name is resolved on no thread, so that a silent name server holds none of ours. */
function fetchKeySet(): FetchImplementation {
  const dispatcher = new Agent({ connect: createConnector({ allowPrivateTargets: true })() })
  return async (url, options) => {
    const headers = [...options.headers]
    // undici's types are not those of Node's own copy of it.
    return (await fetch(url, { ...options, headers, dispatcher })) as unknown as Response
  }
}

/** What the token says it is signed with; '' where it is no JWT. */
function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? ''
  } catch {
    return ''
  }
}

/**
 * Nothing is allowed by leaving out `tenant` or `scope`; without `team`, `service` or `event_names`
 * any is. Undefined where a claim is there and is not of its type.
 */
function claimsOf(payload: JWTPayload): Claims | undefined {
  const { sub = '', scope = '', exp = 0, [KEY_CLAIM]: keyId } = payload
  const [tenants, teams, services, eventNames] = ['tenant', 'team', 'service', 'event_names'].map(
    (name) => listOf(payload[name]),
  )
  if (typeof scope !== 'string' || (keyId !== undefined && typeof keyId !== 'string')) {
    return undefined
  }
  if ([tenants, teams, services, eventNames].includes(undefined)) return undefined
  return {
    subject: printable(sub),
    expiresAt: new Date(Math.min(exp, LAST_SECOND) * 1_000),
    grant: {
      tenants: tenants ?? [],
      scopes: scope.split(' ').filter(Boolean),
      teams: teams ?? null,
      services: services ?? null,
      eventNames: eventNames ?? null,
    },
    ...(keyId === undefined ? {} : { keyId }),
  }
}

/** A text or several as a list, null where there is none, undefined where it is something else. */
function listOf(claim: unknown): string[] | null | undefined {
  if (claim === undefined) return null
  const list = Array.isArray(claim) ? claim : [claim]
  return list.every((item) => typeof item === 'string') ? list : undefined
}

/** The subject stands in the config log as the actor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '').slice(0, SUBJECT_LENGTH) || 'without a subject'
}

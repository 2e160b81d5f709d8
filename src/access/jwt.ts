// JWTs (RFC 7519). Two kinds of key, never mixed: only the shared secret verifies HS256, and only
// the keys of a JWKS URL verify RS256, ES256 and EdDSA. No other algorithm is accepted. So a public
// key never serves as a secret, and `none` is refused.

import {
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose'
import type { Clock } from '../clock.ts'
import { MillraceError } from '../errors.ts'
import type { Grant } from '../http/identity.ts'
import { shortLine } from '../input/text.ts'
import type { Logger } from '../logger.ts'
import { createIssuerFetch } from './fetch.ts'

const OWN_ISSUER = 'millrace'
/** The claim that names the API key of a token from /oauth2/token. */
const KEY_CLAIM = 'millrace_key'
const KEY_SET_ALGORITHMS = ['RS256', 'ES256', 'EdDSA']
const SUBJECT_LENGTH = 100
/** The tolerated difference of clocks, in seconds. */
const CLOCK_TOLERANCE = 5
/** How long a key withdrawn from the JWKS is still accepted. */
const KEY_SET_AGE_MS = 300_000
/** An unknown kid fetches the JWKS again, but not more often than this. */
const KEY_SET_PAUSE_MS = 5_000
/** The last second that RFC 3339 can name. */
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1_000
/** Codes of jose for faults of the JWKS itself, not of the token. */
const OUTAGES = ['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']

export type JwtSettings = {
  /** Each verifies HS256; the first one signs tokens of /oauth2/token. */
  secrets: Uint8Array[]
  jwksUrl?: string | undefined
  issuer?: string | undefined
  audience?: string | undefined
  clock: Clock
  logger: Logger
}

/** The content of a valid token. `keyId` is set if it was given for an API key. */
type Claims = { subject: string; grant: Grant; expiresAt: Date; keyId?: string }

export type Jwt = {
  /**
   * The claims; undefined if the token is invalid. Throws `unavailable` if the JWKS is unreachable.
   */
  verify(token: string): Promise<Claims | undefined>
  /** A token for an API key. */
  sign(keyId: string, grant: Grant, seconds: number): Promise<string>
}

/** Verifies and signs tokens. The first token that needs the JWKS fetches it. */
export function createJwt(settings: JwtSettings): Jwt {
  const { secrets, issuer, audience, clock, logger } = settings
  const keySet =
    settings.jwksUrl &&
    createRemoteJWKSet(new URL(settings.jwksUrl), {
      cacheMaxAge: KEY_SET_AGE_MS,
      cooldownDuration: KEY_SET_PAUSE_MS,
      [customFetch]: createIssuerFetch(),
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
      const payload = await payloadOf(token, algorithm, checks).catch((error) => {
        if (!(error instanceof errors.JOSEError) || OUTAGES.includes(error.code)) {
          const message = 'The key set that verifies this token is unreachable.'
          throw new MillraceError('unavailable', message, { cause: error, retryAfterSeconds: 1 })
        }
        logger.debug({ reason: error.message }, 'JWT refused')
        return undefined
      })
      return payload && claimsOf(payload)
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

  /** Undefined if no key verifies the algorithm. */
  async function payloadOf(
    token: string,
    algorithm: string,
    checks: JWTVerifyOptions,
  ): Promise<JWTPayload | undefined> {
    if (algorithm === 'HS256') return verifyShared(token, secrets, checks)
    if (!keySet || !KEY_SET_ALGORITHMS.includes(algorithm)) return undefined
    return (await jwtVerify(token, keySet, { ...checks, algorithms: [algorithm] })).payload
  }
}

/** The claims of a token signed with one of the secrets. Throws the error of the last secret. */
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

/** The algorithm that a token names; '' if it is not a JWT. */
function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? ''
  } catch {
    return ''
  }
}

/**
 * Without `tenant` or `scope` a token allows nothing; without `team`, `service` or `event_names` it
 * allows all of them. Undefined if a claim has the wrong type.
 */
function claimsOf(payload: JWTPayload): Claims | undefined {
  // jose checks exp, but not that these are texts.
  const { sub = '', scope = '', [KEY_CLAIM]: keyId }: Record<string, unknown> = payload
  const [tenants, teams, services, eventNames] = ['tenant', 'team', 'service', 'event_names'].map(
    (name) => listOf(payload[name]),
  )
  if (typeof sub !== 'string' || typeof scope !== 'string') return undefined
  if (keyId !== undefined && typeof keyId !== 'string') return undefined
  if ([tenants, teams, services, eventNames].includes(undefined)) return undefined
  return {
    // It appears in the config log as the actor.
    subject: shortLine(sub, SUBJECT_LENGTH) || 'without a subject',
    expiresAt: new Date(Math.min(payload.exp ?? 0, LAST_SECOND) * 1_000),
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

/**
 * A claim of one text or several as a list; null if it is missing, undefined if it has another
 * type.
 */
function listOf(claim: unknown): string[] | null | undefined {
  if (claim === undefined) return null
  const list = Array.isArray(claim) ? claim : [claim]
  return list.every((item) => typeof item === 'string') ? list : undefined
}

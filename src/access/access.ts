// The parts of access together: the recognition of tokens, and the routes of keys and tokens. All
// share one cache of keys, so that the process that revokes a key refuses it at once.

import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Db } from '../db/pool.ts'
import type { Authenticate } from '../http/identity.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { Route } from '../http/route.ts'
import type { Logger } from '../logger.ts'
import { deriveKey } from '../sealing/secret.ts'
import { createAdminTokenCheck } from './admin-token.ts'
import { findKey } from './api-key.ts'
import { createAuthenticate } from './authenticate.ts'
import type { Jwt, JwtSettings } from './jwt.ts'
import { createKeyCache } from './key-cache.ts'
import { tokenRoute } from './oauth2.ts'
import type { OpenId } from './openid.ts'
import { openIdRoutes } from './openid-routes.ts'
import type { PersonTokens } from './person-token.ts'
import { keyRoutes } from './routes.ts'
import { createSignIn } from './sign-in.ts'
import { whoamiRoute } from './whoami.ts'

type Settings = Pick<
  Config,
  | 'MILLRACE_SECRET_KEY_PREVIOUS'
  | 'MILLRACE_JWT_SECRET'
  | 'MILLRACE_JWKS_URL'
  | 'MILLRACE_JWT_ISSUER'
  | 'MILLRACE_JWT_AUDIENCE'
  | 'MILLRACE_OIDC_ISSUER'
  | 'MILLRACE_OIDC_CLIENT_ID'
  | 'MILLRACE_OIDC_ROLES_CLAIM'
>

/** Without a shared secret, a key derived from the secret key signs tokens of /oauth2/token. */
export function createAccess(
  settings: Settings,
  services: {
    db: Db
    adminToken: string
    secretKey: string
    /** Whether to make a code for one sign-in without a token. */
    offersSignIn?: boolean
    rateLimit: RateLimit
    clock: Clock
    logger: Logger
  },
): { authenticate: Authenticate; routes: Route[]; signInCode: string | undefined } {
  const { db, rateLimit, clock, logger } = services
  const shared = settings.MILLRACE_JWT_SECRET
  const derived = (purpose: string) =>
    [services.secretKey, settings.MILLRACE_SECRET_KEY_PREVIOUS]
      .filter((key) => key !== undefined)
      .map((key) => deriveKey(key, purpose))
  const jwt = jwtOf({
    secrets: shared ? [Buffer.from(shared)] : derived('oauth2 token'),
    jwksUrl: settings.MILLRACE_JWKS_URL,
    issuer: settings.MILLRACE_JWT_ISSUER,
    audience: settings.MILLRACE_JWT_AUDIENCE,
    clock,
    logger,
  })
  const persons = personTokensOf(derived('token of a person'), clock)
  const keys = createKeyCache((id) => findKey(db, id))
  const signIn = createSignIn({ db, clock, offersLink: services.offersSignIn ?? false })
  const adminToken = createAdminTokenCheck(services.adminToken)
  return {
    authenticate: createAuthenticate({ adminToken, keys, persons, jwt, clock }),
    routes: [
      ...keyRoutes({ db, keys, rateLimit, clock }),
      tokenRoute({ keys, jwt, clock }),
      whoamiRoute(db),
      signIn.route,
      ...openIdRoutes({
        openId: openIdOf(settings, { clock, logger }),
        rolesClaim: settings.MILLRACE_OIDC_ROLES_CLAIM,
        persons,
      }),
    ],
    signInCode: signIn.code,
  }
}

/** Makes something with the first use: what it imports is not loaded before. */
function lazily<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined
  return () => {
    made ??= make()
    return made
  }
}

function jwtOf(settings: JwtSettings): Jwt {
  const jwt = lazily(async () => {
    const { createJwt } = await import('./jwt.ts')
    return createJwt(settings)
  })
  return {
    verify: async (token) => (await jwt()).verify(token),
    sign: async (...given) => (await jwt()).sign(...given),
  }
}

function personTokensOf(keys: Uint8Array[], clock: Clock): PersonTokens {
  const persons = lazily(async () => {
    const { createPersonTokens } = await import('./person-token.ts')
    return createPersonTokens(keys, clock)
  })
  return {
    sign: async (person) => (await persons()).sign(person),
    verify: async (token) => (await persons()).verify(token),
  }
}

/** Undefined if it is not set up. */
function openIdOf(settings: Settings, services: { clock: Clock; logger: Logger }) {
  const { MILLRACE_OIDC_ISSUER: issuer, MILLRACE_OIDC_CLIENT_ID: clientId } = settings
  if (issuer === undefined || clientId === undefined) return undefined
  const openId = lazily(async () => {
    const { createOpenId } = await import('./openid.ts')
    return createOpenId({ issuer, clientId, ...services })
  })
  const client: OpenId = {
    authorizationUrl: async () => (await openId()).authorizationUrl(),
    redeem: async (answer) => (await openId()).redeem(answer),
  }
  return client
}

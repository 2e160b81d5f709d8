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
import { keyRoutes } from './routes.ts'

type Settings = Pick<
  Config,
  | 'MILLRACE_SECRET_KEY_PREVIOUS'
  | 'MILLRACE_JWT_SECRET'
  | 'MILLRACE_JWKS_URL'
  | 'MILLRACE_JWT_ISSUER'
  | 'MILLRACE_JWT_AUDIENCE'
>

/** Without a shared secret, a key derived from the secret key signs tokens of /oauth2/token. */
export function createAccess(
  settings: Settings,
  services: {
    db: Db
    adminToken: string
    secretKey: string
    rateLimit: RateLimit
    clock: Clock
    logger: Logger
  },
): { authenticate: Authenticate; routes: Route[] } {
  const { db, rateLimit, clock, logger } = services
  const shared = settings.MILLRACE_JWT_SECRET
  const derived = [services.secretKey, settings.MILLRACE_SECRET_KEY_PREVIOUS]
    .filter((key) => key !== undefined)
    .map((key) => deriveKey(key, 'oauth2 token'))
  const jwt = lazily({
    secrets: shared ? [Buffer.from(shared)] : derived,
    jwksUrl: settings.MILLRACE_JWKS_URL,
    issuer: settings.MILLRACE_JWT_ISSUER,
    audience: settings.MILLRACE_JWT_AUDIENCE,
    clock,
    logger,
  })
  const keys = createKeyCache((id) => findKey(db, id))
  const adminToken = createAdminTokenCheck(services.adminToken)
  return {
    authenticate: createAuthenticate({ adminToken, keys, jwt, clock }),
    routes: [...keyRoutes({ db, keys, rateLimit, clock }), tokenRoute({ keys, jwt, clock })],
  }
}

/** The first token that is no API key loads what verifies it. */
function lazily(settings: JwtSettings): Jwt {
  let made: Promise<Jwt> | undefined
  const make = async () => {
    const { createJwt } = await import('./jwt.ts')
    return createJwt(settings)
  }
  const jwt = () => {
    made ??= make()
    return made
  }
  return {
    verify: async (token) => (await jwt()).verify(token),
    sign: async (...given) => (await jwt()).sign(...given),
  }
}

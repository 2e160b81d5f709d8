// The settings of access: tokens, and signing in with OpenID Connect. config.ts reads them.

import { Type } from 'typebox'
import { VISIBLE_ASCII } from './input/pattern.ts'

export const tokenSettings = {
  /**
   * May do everything, for every tenant. Without it the first start generates one in the data
   * directory.
   */
  MILLRACE_ADMIN_TOKEN: Type.Optional(Type.String({ pattern: VISIBLE_ASCII })),
  /** The secret of JWTs signed with HS256; also signs the tokens of /oauth2/token. */
  MILLRACE_JWT_SECRET: Type.Optional(Type.String({ minLength: 32 })),
  /** The URL of the public keys of JWTs: RS256, ES256, EdDSA. */
  MILLRACE_JWKS_URL: Type.Optional(Type.String()),
  /** The required `iss` and `aud` of JWTs; without them any value is valid. */
  MILLRACE_JWT_ISSUER: Type.Optional(Type.String({ minLength: 1 })),
  MILLRACE_JWT_AUDIENCE: Type.Optional(Type.String({ minLength: 1 })),
  /** Signing in to the console: the URL of the issuer of OpenID Connect, and our id there. */
  MILLRACE_OIDC_ISSUER: Type.Optional(Type.String()),
  MILLRACE_OIDC_CLIENT_ID: Type.Optional(Type.String({ pattern: VISIBLE_ASCII })),
  /** The claim of its ID tokens that has the roles: access/person.ts. */
  MILLRACE_OIDC_ROLES_CLAIM: Type.String({ default: 'roles', minLength: 1 }),
}

type OpenId = { MILLRACE_OIDC_ISSUER?: string; MILLRACE_OIDC_CLIENT_ID?: string }

/** The faults of the settings of OpenID Connect together. */
export function problemsOfOpenId(config: OpenId): string[] {
  const { MILLRACE_OIDC_ISSUER: issuer, MILLRACE_OIDC_CLIENT_ID: clientId } = config
  if (issuer !== undefined && clientId === undefined) {
    return ['MILLRACE_OIDC_ISSUER needs MILLRACE_OIDC_CLIENT_ID, too']
  }
  if (issuer === undefined) {
    return clientId === undefined ? [] : ['MILLRACE_OIDC_CLIENT_ID needs MILLRACE_OIDC_ISSUER, too']
  }
  if (!URL.canParse(issuer)) return []
  const { protocol, hostname, search, hash } = new URL(issuer)
  if (search || hash) return ['MILLRACE_OIDC_ISSUER must have no query and no fragment']
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
  if (protocol === 'https:' || isHere) return []
  return ['MILLRACE_OIDC_ISSUER must begin with https://, unless it is on this machine']
}

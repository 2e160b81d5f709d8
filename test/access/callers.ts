// Callers for the tests of access: the service within this process, API keys, JWTs.

import { SignJWT } from 'jose'
import { ADMIN_TOKEN, call } from '../../scripts/kit/client.ts'
import { OPEN_SERVICE } from '../../scripts/kit/program.ts'
import { readConfig } from '../../src/config.ts'
import { createLogger } from '../../src/logger.ts'
import { type Server, startServer } from '../../src/server.ts'

export const JWT_SECRET = 'a-shared-secret-of-more-than-32-characters'
export const API_KEYS = '/api/v1/api-keys'

/** The service in this process, which knows its own routes. */
export function startHere(
  databaseUrl: string,
  environment: NodeJS.ProcessEnv = {},
  options: { offersSignIn?: boolean } = {},
): Promise<Server> {
  const config = readConfig({
    ...OPEN_SERVICE,
    ...environment,
  })
  return startServer(config, {
    url: databaseUrl,
    adminToken: ADMIN_TOKEN,
    secretKey: '00'.repeat(32),
    logger: createLogger('silent'),
    ...options,
  })
}

export type MadeKey = { id: string; token: string; [field: string]: unknown }

/** Creates a key; throws where that is not answered with 201. */
export async function makeKey(
  url: string,
  fields: Record<string, unknown>,
  token = ADMIN_TOKEN,
): Promise<MadeKey> {
  const body = JSON.stringify({ name: 'a key', tenants: ['dodici'], scopes: ['read'], ...fields })
  const reply = await call(url + API_KEYS, { body, token, headers: { tenant: '' } })
  if (reply.status !== 201) throw new Error(JSON.stringify(reply))
  return reply.body as MadeKey
}

export const revoke = (url: string, id: string) =>
  call(`${url}${API_KEYS}/${id}`, { method: 'DELETE', headers: { tenant: '' } })

/** A JWT by the shared secret, right unless told otherwise. */
export function aJwt(
  claims: Record<string, unknown> = {},
  { secret = JWT_SECRET, expiresIn = 60 }: { secret?: string; expiresIn?: number | null } = {},
): Promise<string> {
  const token = new SignJWT({ tenant: 'dodici', scope: 'read', sub: 'shop', ...claims })
  token.setProtectedHeader({ alg: 'HS256' })
  if (expiresIn !== null) token.setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
  return token.sign(Buffer.from(secret))
}

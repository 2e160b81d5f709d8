// A real issuer of OpenID Connect on loopback: oidc-provider, with its own pages for signing in.
// Whoever types a login is that person.

import http from 'node:http'
// @ts-expect-error It has no types.
import { Provider } from 'oidc-provider'
import { listen } from '../../scripts/kit/listen.ts'

export const CLIENT_ID = 'millrace-console'

export type Issuer = { url: string; close(): Promise<void> }

/** `roles` by login. `redirectUri` may be known later: it is asked for with each request. */
export async function startIssuer(
  redirectUri: () => string,
  roles: Record<string, string[]>,
): Promise<Issuer> {
  const server = http.createServer()
  const url = `http://127.0.0.1:${await listen(server)}`
  let handle: http.RequestListener | undefined
  server.on('request', (request, response) => {
    handle ??= createProvider(url, redirectUri(), roles).callback()
    handle(request, response)
  })
  return {
    url,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function createProvider(
  url: string,
  redirectUri: string,
  roles: Record<string, string[]>,
): { callback(): http.RequestListener } {
  return new Provider(url, {
    clients: [
      {
        client_id: CLIENT_ID,
        token_endpoint_auth_method: 'none',
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [redirectUri],
      },
    ],
    claims: { openid: ['sub', 'roles'], email: ['email'], profile: ['name'] },
    // As most issuers do: the ID token has the claims.
    conformIdTokenClaims: false,
    cookies: { keys: ['a-key-of-the-cookies'] },
    pkce: { required: () => true },
    findAccount: (_: unknown, login: string) => ({
      accountId: login,
      claims: () => ({ sub: login, email: `${login}@dodici.example`, roles: roles[login] }),
    }),
  })
}

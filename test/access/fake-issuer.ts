// An issuer of OpenID Connect on loopback that answers what a test tells it to, lies included.

import type http from 'node:http'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { createBodyServer, listen } from '../../scripts/kit/listen.ts'

export const CLIENT_ID = 'millrace-console'
export const NONCE = 'a-nonce-of-the-page'

export type FakeIssuer = Awaited<ReturnType<typeof startFakeIssuer>>

/** Starts it. What a test sets in `lies` holds until `behave`. */
export async function startFakeIssuer() {
  const pair = await generateKeyPair('RS256', { extractable: true })
  const stranger = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  type Lies = {
    claims?: JWTPayload
    /** The whole ID token; undefined: there is none. */
    idToken?: (claims: JWTPayload) => Promise<string> | string | undefined
    answer?: { status: number; body: string; type?: string }
    isDown?: boolean
    endsNoSession?: boolean
  }
  const state = { lies: {} as Lies, forms: [] as URLSearchParams[], discoveries: 0 }
  const server: http.Server = createBodyServer((request, body, response) => {
    void answerTo(request.url ?? '', body).then(({ status, text, type }) => {
      response.writeHead(status, { 'content-type': type }).end(text)
    })
  })
  const url = `http://127.0.0.1:${await listen(server)}`

  const json = (value: unknown, status = 200) => ({
    status,
    text: JSON.stringify(value),
    type: 'application/json',
  })
  async function answerTo(path: string, body: Buffer) {
    const { lies } = state
    if (lies.isDown) return { status: 503, text: 'away', type: 'text/plain' }
    if (path === '/.well-known/openid-configuration') {
      state.discoveries++
      return json({
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/keys`,
        ...(lies.endsNoSession ? {} : { end_session_endpoint: `${url}/logout` }),
        id_token_signing_alg_values_supported: ['RS256'],
      })
    }
    if (path === '/keys') return json({ keys: [jwk] })
    state.forms.push(new URLSearchParams(body.toString()))
    if (lies.answer) {
      const { status, body: text, type = 'application/json' } = lies.answer
      return { status, text, type }
    }
    const claims = { ...rightClaims(), ...lies.claims }
    const idToken = lies.idToken ? await lies.idToken(claims) : await signed(claims)
    const tokens = { access_token: 'opaque', token_type: 'Bearer', expires_in: 60 }
    return json({ ...tokens, ...(idToken === undefined ? {} : { id_token: idToken }) })
  }

  const rightClaims = (): JWTPayload => ({
    iss: url,
    aud: CLIENT_ID,
    sub: '248289761001',
    nonce: NONCE,
    iat: Math.floor(Date.now() / 1_000),
    exp: Math.floor(Date.now() / 1_000) + 60,
    email: 'ada@dodici.example',
    roles: ['millrace:configure', 'millrace:tenant:dodici', 'offline_access'],
  })
  const signed = (claims: JWTPayload, { privateKey } = pair) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(privateKey)

  return {
    url,
    state,
    signed,
    stranger,
    publicModulus: jwk.n as string,
    behave() {
      state.lies = {}
      state.forms.length = 0
    },
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

// POST /console/openid against an issuer that lies: an ID token counts only if everything about it
// is right, and gives what its roles name.

import { SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { API_KEYS, JWT_SECRET, makeKey, revoke, startHere } from './callers.ts'
import { CLIENT_ID, type FakeIssuer, NONCE, startFakeIssuer } from './fake-issuer.ts'

const REDIRECT_URI = 'https://millrace.example/prefix/console'
const VERIFIER = 'v'.repeat(43)
const OPENID = '/console/openid'

const database = useDatabase()
let issuer: FakeIssuer
let service: Server
let plain: Server
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startHere(database.url, {
    MILLRACE_JWT_SECRET: JWT_SECRET,
    MILLRACE_OIDC_ISSUER: issuer.url,
    MILLRACE_OIDC_CLIENT_ID: CLIENT_ID,
  })
  plain = await startHere(database.url)
})
afterAll(() => Promise.all([service.stop(), plain.stop(), issuer.close()]))
beforeEach(() => issuer.behave())

const answer = {
  code: 'a-code',
  redirect_uri: REDIRECT_URI,
  code_verifier: VERIFIER,
  nonce: NONCE,
}
type Session = { token: string; expires_at: string; sign_out_url?: string; message: string }
const finish = (changes: object = {}, url = service.url) =>
  call<Session>(url + OPENID, { token: null, body: JSON.stringify({ ...answer, ...changes }) })
const start = (url = service.url) =>
  call<{ authorization_url: string }>(url + OPENID, { token: null })
const whoami = (token: string, url = service.url) => call(`${url}/whoami`, { token })

describe('a right sign-in', () => {
  it('begins where the issuer says', async () => {
    const { status, headers, body } = await start()
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    const url = new URL(body.authorization_url)
    expect(url.origin + url.pathname).toBe(`${issuer.url}/authorize`)
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: CLIENT_ID,
      response_type: 'code',
      scope: 'openid profile email',
      code_challenge_method: 'S256',
    })
  })

  it('redeems the code, and gives a token for an hour with the rights of the roles', async () => {
    const { status, headers, body } = await finish()
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    expect(Object.fromEntries(issuer.state.forms[0] as URLSearchParams)).toEqual({
      client_id: CLIENT_ID,
      grant_type: 'authorization_code',
      code: answer.code,
      code_verifier: VERIFIER,
      redirect_uri: REDIRECT_URI,
    })
    const caller = await whoami(body.token)
    expect(caller.body).toEqual({
      actor: 'person ada@dodici.example (248289761001)',
      scopes: ['read', 'configure'],
      tenants: ['dodici'],
      is_for_every_tenant: false,
      expires_at: body.expires_at,
    })
    const seconds = (Date.parse(body.expires_at) - Date.now()) / 1_000
    expect(seconds).toBeGreaterThan(3_500)
    expect(seconds).toBeLessThanOrEqual(3_600)
    const url = new URL(body.sign_out_url as string)
    expect(url.origin + url.pathname).toBe(`${issuer.url}/logout`)
    expect(url.searchParams.get('post_logout_redirect_uri')).toBe(REDIRECT_URI)
  })

  it('has nowhere to sign out if the issuer ends no sessions', async () => {
    const other = await startFakeIssuer()
    other.state.lies = { endsNoSession: true }
    const its = await startHere(database.url, {
      MILLRACE_OIDC_ISSUER: other.url,
      MILLRACE_OIDC_CLIENT_ID: CLIENT_ID,
    })
    const { status, body } = await finish({}, its.url)
    expect([status, Object.keys(body)]).toEqual([200, ['token', 'expires_at']])
    await Promise.all([its.stop(), other.close()])
  })

  it('asks the issuer for its documents once', async () => {
    await start()
    const { discoveries } = issuer.state
    await Promise.all([start(), start(), finish()])
    expect(issuer.state.discoveries).toBe(discoveries)
  })
})

describe('an ID token is refused', () => {
  const unsigned = (claims: object) =>
    [{ alg: 'none' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
  const byHs256 = (secret: string) => (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(Buffer.from(secret))
  const past = Math.floor(Date.now() / 1_000) - 3_600
  const wrongClaims: Record<string, object> = {
    'of another audience': { aud: 'another' },
    'of several audiences, given to another': { aud: [CLIENT_ID, 'another'], azp: 'another' },
    'of another issuer': { iss: 'https://id.example.com' },
    'with another nonce': { nonce: 'another' },
    'without a nonce': { nonce: undefined },
    'that has expired': { exp: past },
    'without an end': { exp: undefined },
    'without a subject': { sub: undefined },
    'with a subject that is no text': { sub: 7 },
    'that is not valid yet': { nbf: past + 7_200 },
  }
  const cases: [string, () => FakeIssuer['state']['lies']][] = [
    ...Object.entries(wrongClaims).map(([what, claims]) => {
      return [what, () => ({ claims })] as (typeof cases)[number]
    }),
    ['that is not there', () => ({ idToken: () => undefined })],
    ['signed by another', () => ({ idToken: (own) => issuer.signed(own, issuer.stranger) })],
    ['without a signature', () => ({ idToken: (own) => `${unsigned(own)}.` })],
    ['with the public key as secret', () => ({ idToken: byHs256(issuer.publicModulus) })],
    ['with the client id as secret', () => ({ idToken: byHs256(CLIENT_ID.repeat(3)) })],
    ['that is no JWT', () => ({ idToken: () => 'a.b' })],
  ]
  it.each(cases)('%s', async (_, lies) => {
    issuer.state.lies = lies()
    const { status, body } = await finish()
    expect(body.message).toMatch(/^The ID token of the issuer is not valid: /)
    expect(status).toBe(401)
  })

  it('with the name of another issuer beside the code', async () => {
    expect((await finish({ iss: 'https://id.example.com' })).status).toBe(401)
    expect(issuer.state.forms).toEqual([])
    expect((await finish({ iss: issuer.url })).status).toBe(200)
  })
})

describe('the issuer', () => {
  it('refuses a code: 401, with its reason', async () => {
    const refused = { error: 'invalid_grant', error_description: 'the code was used: a-code' }
    issuer.state.lies = { answer: { status: 400, body: JSON.stringify(refused) } }
    const { status, body } = await finish()
    expect(status).toBe(401)
    expect(body.message).toBe('The issuer of OpenID Connect refuses this sign-in: invalid_grant.')
  })

  it.each([
    ['an error', { status: 500, body: '{}' }],
    ['an error with words', { status: 503, body: '{"error":"temporarily_unavailable"}' }],
    ['a page', { status: 200, body: '<html>', type: 'text/html' }],
    ['broken JSON', { status: 200, body: '{' }],
  ])('answers with %s: 503', async (_, broken) => {
    issuer.state.lies = { answer: broken }
    const { status, headers, body } = await finish()
    expect([status, headers['retry-after']]).toEqual([503, '5'])
    expect(body.message).toContain('does not answer as it should')
  })

  it('is away at first, and known as soon as it is back', async () => {
    issuer.state.lies = { isDown: true }
    const late = await startHere(database.url, {
      MILLRACE_OIDC_ISSUER: issuer.url,
      MILLRACE_OIDC_CLIENT_ID: CLIENT_ID,
    })
    expect([(await start(late.url)).status, (await finish({}, late.url)).status]).toEqual([
      503, 503,
    ])
    issuer.behave()
    expect((await start(late.url)).status).toBe(200)
    await late.stop()
  })

  it('is not there: 404', async () => {
    expect([(await start(plain.url)).status, (await finish({}, plain.url)).status]).toEqual([
      404, 404,
    ])
  })
})

describe('a request that is refused before the issuer hears of it', () => {
  it.each([
    ['code', ''],
    ['code', 'two words'],
    ['code_verifier', 'short'],
    ['code_verifier', `${VERIFIER} `],
    ['nonce', 'a b'],
    ['nonce', undefined],
    ['redirect_uri', 'javascript:alert(1)'],
    ['redirect_uri', 'https://millrace.example/#here'],
    ['redirect_uri', '//millrace.example'],
    ['iss', ''],
  ])('%s: %j', async (field, value) => {
    const { status, body } = await finish({ [field]: value })
    expect(status).toBe(400)
    expect(body.message).toContain(field)
    expect(issuer.state.forms).toEqual([])
  })
})

describe('a person', () => {
  it.each([
    ['no roles', undefined],
    ['roles of others', ['admin', 'tenant:dodici', 'configure']],
    ['a scope without a tenant', ['millrace:admin']],
    ['a tenant without a scope', ['millrace:tenant:dodici']],
    ['a tenant that cannot be', ['millrace:read', 'millrace:tenant:../x']],
    ['an object', { 'millrace:read': 1 }],
  ])('with %s may do nothing: 403', async (_, roles) => {
    issuer.state.lies = { claims: { roles } }
    const { status, body } = await finish()
    expect(status).toBe(403)
    expect(body.message).toContain('person ada@dodici.example (248289761001) has no role here')
  })

  it('has the roles of a list or of one text, also for every tenant', async () => {
    issuer.state.lies = { claims: { roles: 'millrace:read millrace:tenant:*' } }
    const caller = await whoami((await finish()).body.token)
    expect(caller.body).toMatchObject({ scopes: ['read'], is_for_every_tenant: true })
  })

  it('sees its tenants alone, and does what its scopes allow', async () => {
    const { token } = (await finish()).body
    const statusOf = async (tenant: string, resource: string) =>
      (await call(service.url + resource, { token, headers: { tenant } })).status
    expect(await statusOf('dodici', EVENTSTREAM)).toBe(200)
    expect(await statusOf('other', EVENTSTREAM)).toBe(403)
    expect(await statusOf('dodici', API_KEYS)).toBe(403)
  })

  it('has a name that nobody can borrow', async () => {
    const { id } = await makeKey(service.url, { scopes: ['admin'] })
    const roles = ['millrace:admin', 'millrace:tenant:dodici']
    const names: [object, string][] = [
      [{ email: undefined, preferred_username: 'ada' }, 'person ada (248289761001)'],
      [{ email_verified: false, name: 'Ada L.' }, 'person Ada L. (248289761001)'],
      [{ email: undefined }, 'person 248289761001'],
      [{ email: 'admin\n token' }, 'person admin token (248289761001)'],
      [{ email: `API key ${id} (a key)` }, `person API key ${id} (a key) (248289761001)`],
    ]
    const made: string[] = []
    for (const [claims, actor] of names) {
      issuer.state.lies = { claims: { roles, ...claims } }
      const { token, expires_at } = (await finish()).body
      // It ends with the token, and is no key of the key that the name pretends to be.
      const key = await makeKey(service.url, {}, token)
      expect(key['created_by']).toBe(actor)
      expect(Date.parse(key['expires_at'] as string)).toBeLessThanOrEqual(Date.parse(expires_at))
      made.push(key.id)
    }
    await revoke(service.url, id)
    for (const key of made) {
      const { body } = await call(`${service.url}${API_KEYS}/${key}`)
      expect(body['status']).toBe('active')
    }
  })
})

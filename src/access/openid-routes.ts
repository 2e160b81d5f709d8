// /console/openid: a person signs in to the console with OpenID Connect. The browser only goes to
// the issuer and comes back; the service redeems the code. The issuer compares redirect_uri with
// the one that it sent the browser to, and the service itself redirects nobody.

import { Type } from 'typebox'
import { limits } from '../config.ts'
import { MillraceError } from '../errors.ts'
import { readJson } from '../http/body.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { compile } from '../http/validate.ts'
import { ruled, VISIBLE_ASCII } from '../input/pattern.ts'
import type { OpenId } from './openid.ts'
import { type Claims, mayDoSomething, personOf } from './person.ts'
import type { PersonTokens } from './person-token.ts'

const RANDOM = ruled('^[A-Za-z0-9_-]+$', 'be letters, digits, _ and -')
const text = (maxLength: number, description: string, example: string, pattern = VISIBLE_ASCII) =>
  Type.String({ minLength: 1, maxLength, pattern, description, examples: [example] })

const ADDRESS = ruled(
  '^https?://[\\x21-\\x22\\x24-\\x7e]+$',
  'be the address of a page, http or https, without a fragment',
)
const VERIFIER = ruled('^[A-Za-z0-9._~-]+$', 'be letters, digits and . _ ~ -')

const OpenIdAnswer = Type.Object(
  {
    code: text(4_096, 'The code that the issuer has sent back.', 'SplxlOBeZQQYbYS6WxSbIA'),
    iss: Type.Optional(text(2_048, 'Likewise, if it was there.', 'https://id.example.com')),
    redirect_uri: text(
      2_048,
      'Where it was sent to: the address of the console.',
      'https://millrace.example.com/console',
      ADDRESS,
    ),
    code_verifier: Type.String({
      minLength: 43,
      maxLength: 128,
      pattern: VERIFIER,
      description: 'The secret that `code_challenge` is the digest of.',
      examples: ['dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'],
    }),
    nonce: text(128, 'The one that the issuer has got.', 'n-0S6_WzA2Mj', RANDOM),
  },
  { title: 'OpenIdAnswer', additionalProperties: false },
)
const OpenIdStart = Type.Object(
  {
    authorization_url: Type.String({
      description:
        'Where to go. Add `redirect_uri`, `state`, `nonce`, and `code_challenge` (S256).',
      examples: ['https://id.example.com/authorize?client_id=millrace&response_type=code'],
    }),
  },
  { title: 'OpenIdStart' },
)
const OpenIdSession = Type.Object(
  {
    token: Type.String({ description: 'A bearer token.', examples: ['eyJ...'] }),
    expires_at: Type.String({ format: 'date-time', description: 'An hour later.' }),
    sign_out_url: Type.Optional(
      Type.String({
        description: 'Where the person ends the session of the issuer, too.',
        examples: ['https://id.example.com/logout'],
      }),
    ),
  },
  { title: 'OpenIdSession' },
)
const responses = {
  404: { description: 'OpenID Connect is not set up.' },
  503: { description: 'The issuer does not answer, or too many sign in at once.' },
}

/** `openId` undefined: it is not set up. */
export function openIdRoutes({
  openId,
  rolesClaim,
  persons,
}: {
  openId: OpenId | undefined
  rolesClaim: string
  persons: PersonTokens
}): Route[] {
  const check = compile(OpenIdAnswer)
  const common = {
    path: '/console/openid',
    scope: 'public',
    family: 'configuration',
    tag: 'Access',
  } as const
  const begin = (context: RequestContext): OpenId => {
    context.set('cache-control', 'no-store')
    if (openId) return openId
    throw new MillraceError('not_found', 'OpenID Connect is not set up here.')
  }

  return [
    {
      ...common,
      method: 'get',
      operationId: 'startOpenId',
      summary: 'Where a person signs in with OpenID Connect.',
      responses: { 200: { description: 'The address.', schema: OpenIdStart }, ...responses },
      async handle(context) {
        context.body = { authorization_url: await begin(context).authorizationUrl() }
      },
    },
    {
      ...common,
      method: 'post',
      operationId: 'finishOpenId',
      summary: 'A token for the code of a sign-in with OpenID Connect.',
      description:
        'The service redeems the code at the issuer, and checks the ID token. The token is for ' +
        'the tenants and scopes that the roles of the person name.',
      body: OpenIdAnswer,
      responses: {
        200: { description: 'The token.', schema: OpenIdSession },
        400: { description: 'Bad request; the message names the field.' },
        401: { description: 'The issuer refuses the code, or its ID token is not valid.' },
        403: { description: 'The person has no role here.' },
        ...responses,
      },
      async handle(context) {
        const answer = check(await readJson(context, limits.tokenRequestBytes))
        const { claims, signOutUrl } = await begin(context).redeem(answer)
        const { token, expiresAt } = await persons.sign(admitted(claims, rolesClaim))
        context.body = {
          token,
          expires_at: expiresAt.toISOString(),
          ...(signOutUrl === undefined ? {} : { sign_out_url: signOutUrl }),
        }
      },
    },
  ]
}

/** Throws `forbidden` if the person may do nothing. */
function admitted(claims: Claims, rolesClaim: string) {
  const person = personOf(claims, rolesClaim)
  if (mayDoSomething(person)) return person
  const message =
    `${person.actor} has no role here: it takes one like millrace:read, and one like ` +
    'millrace:tenant:NAME.'
  throw new MillraceError('forbidden', message)
}

// POST /oauth2/token: client credentials (RFC 6749, section 4.4). The client is an API key. The
// answer is a JWT with the key's grant or less, for at most 15 minutes.

import { Type } from 'typebox'
import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import { MillraceError } from '../errors.ts'
import { refuseAmbiguousHeaders } from '../http/ambiguity.ts'
import { readBody } from '../http/body.ts'
import { SCOPES } from '../http/identity.ts'
import type { RequestContext, Route } from '../http/route.ts'
import { type FoundKey, grantOf, identityOfKey, type KeyToken, parseToken } from './api-key.ts'
import { findActiveKey } from './authenticate.ts'
import type { Jwt } from './jwt.ts'
import type { KeyCache } from './key-cache.ts'

const LIFETIME_SECONDS = 900
const UNKNOWN = 'The client is unknown.'
const FORM = 'application/x-www-form-urlencoded'

const Field = (description: string, example: string) =>
  Type.Optional(Type.String({ description, examples: [example] }))
const TokenRequest = Type.Object(
  {
    grant_type: Type.Literal('client_credentials'),
    scope: Field("A subset of the key's scopes, separated by spaces.", 'publish'),
    client_id: Field("The key's id, if there is no Basic.", '0c9be2f17a35'),
    client_secret: Field('The whole key, `mr_...`.', 'mr_...'),
  },
  { title: 'TokenRequest' },
)
const TokenAnswer = Type.Object(
  {
    access_token: Type.String({ examples: ['eyJ...'] }),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({
      maximum: LIFETIME_SECONDS,
      examples: [LIFETIME_SECONDS],
      description: `Seconds; ${LIFETIME_SECONDS}, or less if the key ends sooner.`,
    }),
    scope: Type.String({ examples: ['publish'] }),
  },
  { title: 'Token' },
)
const TokenProblem = Type.Object(
  {
    error: Type.Enum([
      'invalid_request',
      'invalid_client',
      'unsupported_grant_type',
      'invalid_scope',
    ]),
    error_description: Type.String(),
  },
  { title: 'TokenProblem' },
)

/** An error of RFC 6749, section 5.2. */
class Refusal {
  readonly error: string
  readonly description: string
  constructor(error: string, description: string) {
    this.error = error
    this.description = description
  }
}

type TokenServices = { keys: KeyCache; jwt: Jwt; clock: Clock }

/** The route of the token endpoint. */
export function tokenRoute(services: TokenServices): Route {
  return {
    method: 'post',
    path: '/oauth2/token',
    scope: 'public',
    family: 'configuration',
    tag: 'Access',
    operationId: 'issueToken',
    summary: 'A short-lived token for the credentials of an API key (RFC 6749, section 4.4).',
    description:
      "The client id is the key's id, the client secret the whole key (`mr_...`): by HTTP " +
      'Basic, or in the form. The token ends with the key: within seconds after a revocation. ' +
      `The form is at most ${limits.tokenRequestBytes} bytes.`,
    body: TokenRequest,
    bodyType: FORM,
    responses: {
      200: { description: 'The token.', schema: TokenAnswer },
      400: { description: 'The request, or its grant or scope, is refused.', schema: TokenProblem },
      401: {
        description: 'The client is unknown, or not valid any more.',
        schema: TokenProblem,
        example: { error: 'invalid_client', error_description: UNKNOWN },
      },
      503: { description: 'The client cannot be looked up now; try again.' },
    },
    async handle(context) {
      context.set({ 'cache-control': 'no-store', pragma: 'no-cache' })
      const answer = await issue(services, context).catch(refusalOf)
      if (!(answer instanceof Refusal)) {
        context.body = answer
        return
      }
      const { error, description } = answer
      context.status = error === 'invalid_client' ? 401 : 400
      if (context.status === 401) context.set('www-authenticate', 'Basic realm="millrace"')
      context.body = { error, error_description: description }
    },
  }
}

async function issue(
  { keys, jwt, clock }: TokenServices,
  context: RequestContext,
): Promise<object | Refusal> {
  refuseAmbiguousHeaders(context.req)
  if (!context.is(FORM)) return new Refusal('invalid_request', `The body must be ${FORM}.`)
  const body = await readBody(context, limits.tokenRequestBytes)
  const form = new URLSearchParams(body.toString('utf8'))
  // One pass: callers have no token yet, and getAll for each name is quadratic.
  if (new Set(form.keys()).size !== form.size) {
    return new Refusal('invalid_request', 'A parameter is repeated.')
  }
  const grantType = form.get('grant_type')
  if (!grantType) return new Refusal('invalid_request', 'grant_type is missing.')
  if (grantType !== 'client_credentials') {
    return new Refusal('unsupported_grant_type', 'grant_type must be client_credentials.')
  }

  const client = clientOf(context.get('authorization'), form)
  if (client instanceof Refusal) return client
  const key = await findActiveKey(keys, client, clock)
  if (!key) return new Refusal('invalid_client', UNKNOWN)
  const scopes = scopesOf(key, form.get('scope'))
  if (scopes instanceof Refusal) return scopes

  const left = key.expires_at ? Math.floor((key.expires_at.getTime() - clock()) / 1000) : Infinity
  const seconds = Math.min(LIFETIME_SECONDS, left)
  const token = await jwt.sign(key.id, { ...grantOf(key), scopes }, seconds)
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: seconds,
    scope: scopes.join(' '),
  }
}

/** The id and secret of the client, from Basic or from the form, not from both. */
function clientOf(authorization: string, form: URLSearchParams): KeyToken | Refusal {
  const basic = /^Basic +(\S+) *$/i.exec(authorization)?.[1]
  let id = form.get('client_id') ?? ''
  let secret = form.get('client_secret') ?? ''
  if (basic !== undefined) {
    if (secret) return new Refusal('invalid_request', 'Use HTTP Basic or the form, not both.')
    const [user = '', ...rest] = Buffer.from(basic, 'base64').toString('utf8').split(':')
    if (id && id !== decode(user)) {
      return new Refusal('invalid_request', 'client_id differs from that of HTTP Basic.')
    }
    id = decode(user)
    secret = decode(rest.join(':'))
  }
  if (!id || !secret) {
    return new Refusal(
      'invalid_client',
      'Client id and secret are required, by HTTP Basic or in the form.',
    )
  }
  // The whole key, or its last part alone.
  const client = parseToken(secret) ?? parseToken(`mr_${id}_${secret}`)
  if (client?.id === id) return client
  return new Refusal('invalid_client', 'The client is unknown.')
}

/** RFC 6749, section 2.3.1: id and secret are form-encoded before they go into Basic. */
function decode(text: string): string {
  return new URLSearchParams(`text=${text}`).get('text') ?? ''
}

/**
 * The requested scopes, all of which the key must have; without a request, all scopes of the key.
 */
function scopesOf(key: FoundKey, asked: string | null): string[] | Refusal {
  const wanted = new Set((asked ?? '').split(' ').filter(Boolean))
  if (wanted.size === 0) return key.scopes
  const { may } = identityOfKey(key)
  const allowed = SCOPES.filter((scope) => wanted.has(scope) && may(scope))
  if (allowed.length === wanted.size) return allowed
  return new Refusal('invalid_scope', `The key may have: ${SCOPES.filter(may).join(' ')}.`)
}

/** The refusal for an unreadable body; other errors are no refusals. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof MillraceError && error.status < 500) {
    return new Refusal('invalid_request', error.message)
  }
  throw error
}

// One sign-in without a token, for the person whose terminal started the service: the code of a
// link becomes an API key. It is valid once, for minutes, and from this machine alone: a link in a
// history or a log opens nothing.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { BlockList, isIPv6 } from 'node:net'
import { Type } from 'typebox'
import type { Clock } from '../clock.ts'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { MillraceError } from '../errors.ts'
import { readJson } from '../http/body.ts'
import type { Route } from '../http/route.ts'
import { compile } from '../http/validate.ts'
import { ruled } from '../input/pattern.ts'
import { EVERY_TENANT } from '../input/tenant.ts'
import { createKey } from './api-key.ts'

const CODE_MS = 10 * 60_000
const KEY_MS = 12 * 3_600_000

const CODE = ruled('^[A-Za-z0-9_-]*$', 'be letters, digits, _ and -')
const SignIn = Type.Object(
  {
    code: Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: CODE,
      examples: ['a-code-of-a-link'],
    }),
  },
  { title: 'SignIn', additionalProperties: false, examples: [{ code: 'a-code-of-a-link' }] },
)
const SignedIn = Type.Object(
  { token: Type.String({ examples: ['mr_...'], description: 'An API key for 12 hours.' }) },
  { title: 'SignedIn' },
)

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6')

/** A code for one sign-in, and the route that takes it. `offersLink` false: it takes none. */
export function createSignIn({
  db,
  clock,
  offersLink,
}: {
  db: Db
  clock: Clock
  offersLink: boolean
}): { code: string | undefined; route: Route } {
  const check = compile(SignIn)
  const code = offersLink ? randomBytes(32).toString('base64url') : undefined
  const endsAt = clock() + CODE_MS
  let unused = code && Buffer.from(code)

  /** Whether the code is the right one. It never is again. */
  function takes(given: string, address = ''): boolean {
    const bytes = Buffer.from(given)
    const isHere = loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
    if (!unused || !isHere || clock() > endsAt || bytes.length !== unused.length) return false
    const isRight = timingSafeEqual(bytes, unused)
    if (isRight) unused = undefined
    return isRight
  }

  const route: Route = {
    method: 'post',
    path: '/console/sign-in',
    scope: 'public',
    family: 'configuration',
    tag: 'Access',
    operationId: 'signIn',
    summary: 'An API key for the code of the link that the start prints.',
    description:
      'The code is valid once, for ten minutes, and from the machine of the service. A start ' +
      'prints a link only to a terminal.',
    body: SignIn,
    responses: {
      200: { description: 'The key.', schema: SignedIn },
      400: { description: 'Bad request; the message names the field.' },
      401: { description: 'The code is unknown, used, or too old.' },
    },
    async handle(context) {
      const given = check(await readJson(context, limits.configurationBytes))
      if (!takes(given.code, context.req.socket.remoteAddress)) {
        throw new MillraceError('unauthorized', 'The link was used, or is too old.')
      }
      const tenure = {
        tenants: [EVERY_TENANT],
        scopes: ['admin'],
        rate: null,
        teams: null,
        services: null,
        eventNames: null,
        expiresAt: new Date(clock() + KEY_MS),
      }
      const { token } = await createKey(db, {
        name: 'console',
        tenure,
        actor: 'the link of the start',
      })
      context.set('cache-control', 'no-store')
      context.body = { token }
    },
  }
  return { code, route }
}

// Every operation with every kind of token, made from the routes that the service serves: a route
// that is added is in the table by itself.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import type { Route } from '../../src/http/route.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { aJwt, JWT_SECRET, makeKey, revoke, startHere } from './callers.ts'
import { type Answer, ask, belongings, furnish, MARKER, OWNER, type Target } from './operations.ts'

/** Operations that need no token. Whoever adds one here says why it is harmless. */
const PUBLIC = [
  ...['getHealth', 'getReadiness', 'issueToken'],
  // It takes the code of a link, in place of a token.
  'signIn',
  // They take the code of an issuer, likewise.
  ...['startOpenId', 'finishOpenId'],
  // They tell of the program, and nothing of a tenant.
  ...['getOpenApi', 'getAsyncApi', 'getDocs', 'getDocsFile'],
  ...['getRoot', 'getConsole', 'getConsoleFile'],
]

/** What the right token gets where it is not 200; else any status that the route documents. */
const CREATED = [
  ...['publishEvent', 'createApiKey', 'createJob', 'runJob'],
  ...['createEvent', 'createEventSubscription', 'startReplay', 'startSubscriptionReplay'],
]

/** Operations on the whole installation: a token of single tenants may not. */
const OF_EVERY_TENANT = ['getMetrics']

const IMPLIED: Record<string, string[]> = {
  publish: ['any', 'publish'],
  read: ['any', 'read'],
  configure: ['any', 'configure', 'read'],
  admin: ['any', 'admin', 'configure', 'read', 'publish'],
}

const database = useDatabase()
let service: Server
let target: Target
let routes: Route[]
beforeAll(async () => {
  service = await startHere(database.url, { MILLRACE_JWT_SECRET: JWT_SECRET })
  target = await furnish(service.url, database)
  routes = service.routes.filter(({ scope }) => scope !== 'public')
})
afterAll(() => service.stop())

const send = (route: Route, token: string | null, tenant: string | null = OWNER) =>
  ask(service.url, route, target, { token, tenant })

/** A line for each operation whose status is not the expected one. */
async function mismatches(
  tokens: Record<string, string | null>,
  expected: (route: Route, answer: Answer) => boolean,
  tenant: string | null = OWNER,
): Promise<string[]> {
  const lines: string[] = []
  for (const route of routes) {
    for (const [kind, token] of Object.entries(tokens)) {
      const answer = await send(route, token, tenant)
      if (expected(route, answer)) continue
      lines.push(`${route.operationId}, ${kind}: ${answer.status} ${answer.text}`)
    }
  }
  return lines
}

const is =
  (status: number) =>
  (_: Route, answer: Answer): boolean =>
    answer.status === status && !answer.text.includes(MARKER)

function isDocumented(route: Route, { status }: Answer): boolean {
  return status in route.responses && ![401, 403, 500, 503].includes(status)
}

describe('the routes of the service', () => {
  it('each have a scope and a name of their own, and few are public', () => {
    expect(routes.length).toBeGreaterThan(10)
    const scopes = ['public', 'any', 'publish', 'read', 'configure', 'admin']
    for (const { scope } of service.routes) expect(scopes).toContain(scope)
    const names = service.routes.map(({ operationId }) => operationId)
    expect(new Set(names).size).toBe(names.length)
    const open = service.routes.filter(({ scope }) => scope === 'public')
    expect(open.map(({ operationId }) => operationId).sort()).toEqual([...PUBLIC].sort())
  })

  it('say in the document which scope they need', async () => {
    const { body } = await call(`${service.url}/openapi.json`, { token: null })
    const paths = body['paths'] as Record<string, Record<string, { security: unknown }>>
    for (const { path, method, scope } of routes) {
      const { security } = paths[path.replace(/:(\w+)/g, '{$1}')]?.[method] ?? {}
      expect(security).toEqual([{ bearer: scope === 'any' ? [] : [scope] }])
    }
  })
})

describe('the table of operations and tokens', () => {
  const everything = { tenants: [OWNER], scopes: ['admin'] }

  it('none, forged: 401', async () => {
    const { id, token } = await makeKey(service.url, everything)
    const claims = { tenant: '*', scope: 'admin' }
    const tokens = {
      none: null,
      'a word': 'admin',
      'a key with another secret': `mr_${id}_${'A'.repeat(43)}`,
      'a key with another id': token.replace(id, '000000000000'),
      'a JWT with another secret': await aJwt(claims, { secret: 'x'.repeat(40) }),
      'a JWT without a signature': (await aJwt(claims)).replace(/[^.]*$/, ''),
    }
    expect(await mismatches(tokens, is(401))).toEqual([])
  })

  it('expired, revoked: 401', async () => {
    const soon = new Date(Date.now() + 1_000).toISOString()
    const expired = await makeKey(service.url, { ...everything, expires_at: soon })
    const revoked = await makeKey(service.url, everything)
    const ofRevoked = await call(`${service.url}/oauth2/token`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=client_credentials&client_id=${revoked.id}&client_secret=${revoked.token}`,
    })
    await revoke(service.url, revoked.id)
    await until('the key has expired', () => Date.now() > Date.parse(soon))
    const tokens = {
      'expired key': expired.token,
      'expired JWT': await aJwt({ tenant: '*', scope: 'admin' }, { expiresIn: -60 }),
      'revoked key': revoked.token,
      'token of a revoked key': ofRevoked.body['access_token'] as string,
    }
    expect(await mismatches(tokens, is(401))).toEqual([])
  })

  it("another tenant's: 403, nothing seen, nothing changed", async () => {
    const before = await belongings(service.url)
    expect(JSON.stringify(before)).toContain(MARKER)
    const key = await makeKey(service.url, { tenants: ['rival', 'third'], scopes: ['admin'] })
    const tokens = {
      key: key.token,
      JWT: await aJwt({ tenant: 'rival', scope: 'admin publish read configure' }),
      'no tenant at all': await aJwt({ tenant: undefined, scope: 'admin' }),
    }
    expect(await mismatches(tokens, is(403))).toEqual([])

    // For its own tenant, by the very ids of the owner: they are not there.
    const own = { JWT: tokens.JWT }
    const asIfEmpty = (route: Route, answer: Answer) => {
      if (OF_EVERY_TENANT.includes(route.operationId)) return answer.status === 403
      const isOne = /:(integration_id|key_id|job_id|eventId|Id)/.test(route.path)
      const mayBe = isOne ? [400, 404] : [200, 201, 204, 400, 404]
      return mayBe.includes(answer.status) && !answer.text.includes(MARKER)
    }
    expect(await mismatches(own, asIfEmpty, 'rival')).toEqual([])
    expect(await mismatches(own, asIfEmpty, null)).toEqual([])
    const after = await belongings(service.url)
    expect(after[0]).toEqual(before[0])
    expect(after.slice(2)).toEqual(before.slice(2))
    const keysOf = (list: unknown) => JSON.stringify(list).split(MARKER).length
    expect(keysOf(after[1])).toBe(keysOf(before[1]))
    expect(JSON.stringify(after[1])).not.toContain('revoked_by":"JWT')
  })

  it('too narrow: 403', async () => {
    for (const [scope, implied] of Object.entries(IMPLIED)) {
      const { token } = await makeKey(service.url, { scopes: [scope] })
      const beyond = routes.filter((route) => !implied.includes(route.scope))
      for (const route of beyond) {
        const { operationId } = route
        const { status } = await send(route, token)
        expect([scope, operationId, status]).toEqual([scope, operationId, 403])
      }
    }
  })

  it('right: what the route documents', async () => {
    for (const route of routes) {
      if (OF_EVERY_TENANT.includes(route.operationId)) continue
      target = await furnish(service.url, database)
      const scope = route.scope === 'any' ? 'publish' : route.scope
      const key = await makeKey(service.url, { scopes: [scope] })
      const jwt = await aJwt({ scope })
      for (const token of [key.token, jwt]) {
        const answer = await send(route, token)
        const what = `${route.operationId}: ${answer.status} ${answer.text}`
        expect(isDocumented(route, answer), what).toBe(true)
        if (CREATED.includes(route.operationId)) expect(what).toContain(': 201 ')
      }
    }
  })

  it('for one tenant only, where every tenant is concerned: 403', async () => {
    const own = await makeKey(service.url, everything)
    const all = await makeKey(service.url, { tenants: ['*'], scopes: ['admin'] })
    const tokens = { own: own.token, JWT: await aJwt({ scope: 'admin' }) }
    routes = routes.filter(({ operationId }) => OF_EVERY_TENANT.includes(operationId))
    expect(await mismatches(tokens, is(403))).toEqual([])
    expect(await mismatches({ all: all.token }, isDocumented)).toEqual([])
  })
})

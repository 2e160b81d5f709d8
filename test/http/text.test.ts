// Text that no careful client sends, in each string of each operation: the operations are those
// that the service serves, so that one which is added is asked by itself. Never a 5xx, and never
// anything that is kept as another text than was sent.

import * as Schema from 'typebox/schema'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { SINGLE_HEADERS } from '../../src/http/ambiguity.ts'
import type { Parameter, Route } from '../../src/http/route.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { furnish, type Target } from '../access/operations.ts'
import { useDatabase } from '../helpers/database.ts'
import {
  bodyWith,
  isNotHere,
  mayBeAnyText,
  type RawAnswer,
  send,
  statusWith,
  stringsOf,
  wholeBodies,
} from './strings.ts'

/** Longer than any string may be, but for those that are passed on. */
const LONG = 'x'.repeat(3_000)

const database = useDatabase()
let service: Server
let target: Target
beforeAll(async () => {
  service = await startHere(database.url)
  target = await furnish(service.url, database)
})
afterAll(() => service.stop())

/** The path of a route, its parameters as they are; `others` instead of an example. */
function pathOf(route: Route, others: Record<string, string> = {}): string {
  const known: Record<string, string> = {
    event_name: route.method === 'get' ? target.position : 'order.created',
    ...target,
    ...others,
  }
  return route.path.replace(/:(\w+)/g, (_, name) => known[name] as string)
}

/** Good headers of a route, but for one. */
function headersOf({ parameters = [] }: Route, except = ''): string[] {
  const headers = parameters.filter(({ in: part }) => part === 'header')
  return headers
    .filter(({ name, required }) => name !== except && (required || name === 'tenant'))
    .flatMap(({ name, example }) => [name, example?.toString() ?? 'x'])
}

function parametersOf(part: Parameter['in']): [Route, Parameter][] {
  return service.routes.flatMap((route) =>
    (route.parameters ?? [])
      .filter((parameter) => parameter.in === part)
      .map((parameter): [Route, Parameter] => [route, parameter]),
  )
}

/** A line for an answer that is not one of these. */
function unless(expected: number[], what: string, { status, text }: RawAnswer): string[] {
  return expected.includes(status) ? [] : [`${what}: ${status} ${text.slice(0, 200)}`]
}

describe('a path', () => {
  // Escapes of NUL, of a lone surrogate, of no UTF-8, of a C1 control; none at all; a raw byte.
  it.each(['%00', 'a%00b', '%ED%A0%80', '%ff', '%C2%85', '%0a', '%', '%zz', '\x85', 'ü'])(
    'with %j as a parameter: 400, in each operation',
    async (text) => {
      const faults: string[] = []
      for (const [route, { name }] of parametersOf('path')) {
        const method = route.method.toUpperCase()
        const answer = await send(service.url, method, pathOf(route, { [name]: text }), {
          headers: headersOf(route),
          ...(route.body ? { body: '{}' } : {}),
        })
        faults.push(...unless([400], `${route.operationId} ${name}`, answer))
      }
      expect(parametersOf('path').length).toBeGreaterThan(20)
      expect(faults).toEqual([])
    },
  )

  it.each([LONG, '%F0%9F%98%80', '%EF%BF%BD', '..%2F..', "'%20or%201=1"])(
    'with %j, an id that cannot be: 404 or 400',
    async (text) => {
      const faults: string[] = []
      for (const [route, { name }] of parametersOf('path')) {
        const method = route.method.toUpperCase()
        const answer = await send(service.url, method, pathOf(route, { [name]: text }), {
          headers: headersOf(route),
          ...(route.body ? { body: '{}' } : {}),
        })
        faults.push(...unless([400, 404], `${route.operationId} ${name}`, answer))
      }
      expect(faults).toEqual([])
    },
  )

  it('is spelled as its route is: another case, a slash more, an escape: 404', async () => {
    const faults: string[] = []
    for (const route of service.routes) {
      const path = pathOf(route)
      const first = path.slice(1, 2)
      const spellings = [
        path.replace(/^\/[a-z0-9]+/, (start) => start.toUpperCase()),
        `${path}/`,
        `/${path}`,
        path.replace(/(.)\//, '$1//'),
        // The root has nothing to escape.
        first ? path.replace(first, `%${first.charCodeAt(0).toString(16)}`) : path,
      ]
      for (const spelling of new Set(spellings)) {
        if (spelling === path) continue
        const method = route.method.toUpperCase()
        const answer = await send(service.url, method, spelling, { headers: headersOf(route) })
        faults.push(...unless([404], `${method} ${spelling}`, answer))
      }
    }
    expect(faults).toEqual([])
  })
})

describe('the document', () => {
  it('has the 400 of each operation that asks for a token, and the bounds of each id', () => {
    const withToken = service.routes.filter(({ scope }) => scope !== 'public')
    const silent = withToken.filter(({ responses }) => !(400 in responses))
    expect(silent.map(({ operationId }) => operationId)).toEqual([])
    const unbounded = parametersOf('path').filter(
      ([, { schema }]) =>
        !['pattern', 'format', 'enum', 'maximum'].some((bound) => bound in schema),
    )
    expect(unbounded.map(([{ operationId }, { name }]) => [operationId, name])).toEqual([])
  })

  it.each(['ERP 1', 'x'.repeat(256), '.', '-_-'])(
    'tells which ids there can be: where %j cannot be one it is never found',
    async (id) => {
      for (const [route, { name, schema }] of parametersOf('path')) {
        if (Schema.Check(schema, id)) continue
        const path = pathOf(route, { [name]: encodeURIComponent(id) })
        const options = { headers: headersOf(route), ...(route.body ? { body: '{}' } : {}) }
        const answer = await send(service.url, route.method.toUpperCase(), path, options)
        expect([route.operationId, answer.status]).toEqual([
          route.operationId,
          ['event_name', 'position'].includes(name) ? 400 : 404,
        ])
      }
    },
  )
})

describe('a query parameter', () => {
  const SOME_TEXT = ['2026-12-31T23:59:60Z']

  it.each(['%00', '%ED%A0%80', '%C2%85', '%', LONG, '2026-12-31T23:59:60Z', '1&%s=1'])(
    'that is %j: 400',
    async (text) => {
      const faults: string[] = []
      for (const [route, { name }] of parametersOf('query')) {
        const path = `${pathOf(route)}?${name}=${text.replace('%s', name)}`
        const options = { headers: headersOf(route) }
        const answer = await send(service.url, route.method.toUpperCase(), path, options)
        const mayBe =
          mayBeAnyText(route.operationId, name) && SOME_TEXT.includes(text) ? [200] : [400]
        faults.push(...unless(mayBe, `${route.operationId} ${name}`, answer))
      }
      expect(parametersOf('query').length).toBeGreaterThan(0)
      expect(faults).toEqual([])
    },
  )
})

describe('a header', () => {
  const bytes = (text: string) => Buffer.from(text).toString('latin1')
  it.each(['\xed\xa0\x80', '\xff', bytes('\u0085'), bytes('a\u009fb'), LONG])(
    'that is %j: 400, another version for If-Match, or no trace',
    async (text) => {
      const faults: string[] = []
      for (const [route, { name }] of parametersOf('header')) {
        const headers = [...headersOf(route, name), name, text]
        const options = { headers, ...(route.body ? { body: '{}' } : {}) }
        const answer = await send(service.url, route.method.toUpperCase(), pathOf(route), options)
        // A malformed trace is ignored (W3C Trace Context).
        const expected = { 'if-match': [400, 412], traceparent: [201, 400] }[name] ?? [400]
        faults.push(...unless(expected, `${route.operationId} ${name}`, answer))
      }
      expect(faults).toEqual([])
    },
  )

  it('that a request has once is not there twice: 400 that names it, also if it is the same', async () => {
    const faults: string[] = []
    const always: [Route, { name: string; example?: string }][] = service.routes
      .filter(({ scope }) => scope !== 'public')
      .flatMap((route) =>
        ['authorization', 'x-twc-tenant'].map((name) => [route, { name, example: 'dodici' }]),
      )
    for (const [route, parameter] of [...parametersOf('header'), ...always]) {
      const { name } = parameter
      const example = parameter.example?.toString() ?? 'x'
      if (name === 'if-match' || name === 'traceparent') continue
      expect(SINGLE_HEADERS).toContain(name)
      const headers = [...headersOf(route, name), name, example, name.toUpperCase(), example]
      const options = { headers, ...(route.body ? { body: '{}' } : {}) }
      const answer = await send(service.url, route.method.toUpperCase(), pathOf(route), options)
      faults.push(...unless([400], `${route.operationId} ${name}`, answer))
      expect(answer.text).toContain(`${name} is repeated`)
    }
    expect(faults).toEqual([])
  })

  it('that is there twice at the token endpoint is refused in its own words', async () => {
    const form = ['content-type', 'application/x-www-form-urlencoded']
    const headers = [...form, 'authorization', 'Basic YTpi']
    const options = { headers, body: 'grant_type=client_credentials' }
    const answer = await send(service.url, 'POST', '/oauth2/token', options)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toEqual({
      error: 'invalid_request',
      error_description: 'authorization is repeated.',
    })
  })

  it('tenant names the tenant that X-TWC-Tenant names, or there is one of them: else 400', async () => {
    const faults: string[] = []
    for (const route of service.routes.filter(({ scope }) => scope !== 'public')) {
      const headers = [...headersOf(route, 'tenant'), 'tenant', 'dodici', 'x-twc-tenant', 'rival']
      const options = { headers, ...(route.body ? { body: '{}' } : {}) }
      const answer = await send(service.url, route.method.toUpperCase(), pathOf(route), options)
      faults.push(...unless([400], route.operationId, answer))
    }
    expect(faults).toEqual([])
    const same = ['tenant', 'dodici', 'X-TWC-Tenant', 'dodici']
    const answer = await send(service.url, 'GET', '/api/v1/jobs', { headers: same })
    expect(answer.status).toBe(200)
  })

  it('may have U+FFFD, which is a character like others', async () => {
    const key = bytes('key-\ufffd')
    const route = service.routes.find(({ operationId }) => operationId === 'publishEvent') as Route
    const headers = [...headersOf(route, 'idempotency-key'), 'idempotency-key', key]
    const answer = await send(service.url, 'POST', pathOf(route), { headers, body: '{}' })
    expect(answer).toMatchObject({ status: 201 })
    const { rows } = await database.pool.query('select idempotency_key from event')
    expect(rows.map((row) => row.idempotency_key)).toContain('key-\ufffd')
  })
})

describe('a body', () => {
  it.each(['a\0b', '\0', 'a\ud83d', '\udc00', 'a\u0085', '\u009f', LONG])(
    'with %j in one of its strings: 400',
    async (text) => {
      const faults: string[] = []
      let count = 0
      for (const route of service.routes.filter(({ bodyType, body }) => body && !bodyType)) {
        for (const path of stringsOf(route.body as never)) {
          count++
          const { operationId } = route
          const body = JSON.stringify(bodyWith(operationId, path, text))
          const options = { headers: headersOf(route), body }
          const answer = await send(service.url, route.method.toUpperCase(), pathOf(route), options)
          const expected = [statusWith(operationId, path, text)]
          faults.push(...unless(expected, `${operationId} ${path.join('.')}`, answer))
        }
      }
      expect(count).toBeGreaterThan(60)
      expect(faults).toEqual([])
    },
  )

  it('is taken without them, so that it is the text that is refused', async () => {
    await call(`${service.url}/api/v1/org/integrations/eventstream/erp-1/_stop`, { method: 'POST' })
    const faults: string[] = []
    for (const route of service.routes.filter(({ bodyType, body }) => body && !bodyType)) {
      for (const whole of wholeBodies(route.operationId)) {
        if (isNotHere(route.operationId, whole)) continue
        const options = { headers: headersOf(route), body: JSON.stringify(whole) }
        const answer = await send(service.url, route.method.toUpperCase(), pathOf(route), options)
        // Nothing waits to be skipped; no such position, link or issuer is there.
        const { operationId } = route
        const isRefused = /^(skip|resend|signIn|finishOpenId)/.test(operationId)
        const expected = isRefused ? [401, 404, 409] : [200, 201]
        faults.push(...unless(expected, operationId, answer))
      }
    }
    expect(faults).toEqual([])
  })

  it('of two collected events with ids that no UTF-8 tells apart is refused', async () => {
    for (const id of ['a\ud83d', 'a\ud83e']) {
      const body = JSON.stringify(bodyWith('createEvent', ['id'], id))
      const answer = await call(`${service.url}/api/v1/events`, { body })
      expect(answer).toMatchObject({ status: 400, body: { message: /^id has a lone surrogate/ } })
    }
  })
})

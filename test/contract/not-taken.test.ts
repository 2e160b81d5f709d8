// What an operation does not take is refused by name: a parameter or a condition that was ignored
// would let something else be done than was asked for.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import type { Route } from '../../src/http/route.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
let service: Server
let guarded: Route[]
beforeAll(async () => {
  service = await startHere(database.url)
  guarded = service.routes.filter(({ scope, direct }) => scope !== 'public' && !direct)
})
afterAll(() => service.stop())

/** The status of an answer, and the fields of its faults. */
async function faultsOf(route: Route, query: string, sent: object = {}): Promise<unknown[]> {
  const path = route.path.replace(':event_name', 'order.created').replaceAll(/:\w+/g, 'one')
  const method = route.method.toUpperCase()
  const { status, body } = await call(`${service.url}${path}${query}`, { method, ...sent })
  const details = (body['details'] ?? []) as { field: string }[]
  return [route.operationId, status, ...details.map(({ field }) => field)]
}

describe('every operation that asks for a token, except for the publish of one event', () => {
  it('refuses a parameter that it does not have', async () => {
    expect(guarded.length).toBeGreaterThan(40)
    for (const route of guarded) {
      expect(await faultsOf(route, '?dry_rum=true')).toEqual([route.operationId, 400, 'dry_rum'])
    }
  })

  it('refuses a condition of a change that it does not check', async () => {
    const changes = guarded.filter(({ method }) => method !== 'get')
    expect(changes.length).toBeGreaterThan(20)
    for (const route of changes) {
      const refused = [route.operationId, 400, 'if-none-match']
      expect(await faultsOf(route, '', { headers: { 'if-none-match': '*' } })).toEqual(refused)
      if (route.parameters?.some(({ name }) => name === 'if-match')) continue
      const unmatched = [route.operationId, 400, 'if-match']
      expect(await faultsOf(route, '', { headers: { 'if-match': '"1"' } })).toEqual(unmatched)
    }
  })

  it('refuses a body that is compressed, without taking it for JSON', async () => {
    const withBody = service.routes.filter(({ body, scope }) => body && scope !== 'public')
    expect(withBody.length).toBeGreaterThan(15)
    for (const route of withBody) {
      const headers = {
        'content-encoding': 'gzip',
        'content-type': route.bodyType ?? 'application/json',
      }
      const [name, status, ...fields] = await faultsOf(route, '', { headers, body: '\x1f\x8b' })
      // Where a thing is looked for first, there is none of this name.
      const missing = status === 404 && route.path.includes(':')
      if (!missing) expect([name, status, ...fields]).toEqual([name, 400, 'content-encoding'])
    }
  })
})

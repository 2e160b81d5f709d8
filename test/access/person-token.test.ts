// The token of a person who has signed in: the secret key alone makes one, and for an hour.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { createPersonTokens } from '../../src/access/person-token.ts'
import { deriveKey } from '../../src/sealing/secret.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { aJwt, JWT_SECRET, startHere } from './callers.ts'

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url, { MILLRACE_JWT_SECRET: JWT_SECRET })
})
afterAll(() => service.stop())

const grant = {
  tenants: ['dodici'],
  scopes: ['read'],
  teams: null,
  services: null,
  eventNames: null,
}
const ada = { actor: 'person ada (1)', grant }
/** The key of the kit's service. */
const right = deriveKey('00'.repeat(32), 'token of a person')
const list = async (token: string) =>
  (await call(service.url + EVENTSTREAM, { token, headers: { tenant: 'dodici' } })).status

describe('the token of a person', () => {
  it('is taken if the secret key has signed it, and only as it is', async () => {
    const { token } = await createPersonTokens([right], Date.now).sign(ada)
    expect(await list(token)).toBe(200)
    const [head, body = '', signature] = token.split('.')
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
    const more = Buffer.from(JSON.stringify({ ...claims, tenants: ['*'] })).toString('base64url')
    expect(await list([head, more, signature].join('.'))).toBe(401)
    expect(await list([head, body, ''].join('.'))).toBe(401)
  })

  it('is not made by other secrets of the installation', async () => {
    const others = {
      'the secret key itself': Buffer.alloc(32),
      'the key of /oauth2/token': deriveKey('00'.repeat(32), 'oauth2 token'),
      'another secret key': deriveKey('01'.repeat(32), 'token of a person'),
    }
    for (const [what, key] of Object.entries(others)) {
      const { token } = await createPersonTokens([key], Date.now).sign(ada)
      expect([what, await list(token)]).toEqual([what, 401])
    }
    // With the secret of JWTs it is one of those: it names no tenant, and nobody.
    const { token } = await createPersonTokens([Buffer.from(JWT_SECRET)], Date.now).sign(ada)
    expect(await list(token)).toBe(403)
    const named = await call(`${service.url}/whoami`, { token: await aJwt({ sub: ada.actor }) })
    expect(named.body['actor']).toBe('JWT person ada (1)')
  })

  it('ends after an hour, and outlives a change of the secret key', async () => {
    let now = Date.now()
    const [old, next] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
    const { token } = await createPersonTokens([old], () => now).sign(ada)
    const after = createPersonTokens([next, old], () => now)
    expect(await after.verify(token)).toMatchObject({ actor: 'person ada (1)' })
    expect(await createPersonTokens([next], () => now).verify(token)).toBeUndefined()
    now += 3_601_000
    expect(await after.verify(token)).toBeUndefined()
  })
})

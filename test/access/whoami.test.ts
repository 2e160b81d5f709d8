// GET /whoami: what a caller learns of its own token.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { makeKey, startHere } from './callers.ts'

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

describe('the caller', () => {
  const whoami = (token: string) =>
    call(`${service.url}/whoami`, { token, headers: { tenant: '' } }).then(({ body }) => body)

  it('learns the scopes, implied ones included, and the tenants of its token', async () => {
    const expires = new Date(Date.now() + 60_000).toISOString()
    const fields = { tenants: ['dodici', 'rival'], scopes: ['configure'], expires_at: expires }
    const { id, token } = await makeKey(service.url, fields)
    expect(await whoami(token)).toEqual({
      actor: `API key ${id} (a key)`,
      scopes: ['read', 'configure'],
      tenants: ['dodici', 'rival'],
      is_for_every_tenant: false,
      expires_at: expires,
    })
  })

  it('learns it of a token that can only publish, too', async () => {
    const { token } = await makeKey(service.url, { scopes: ['publish'] })
    expect(await whoami(token)).toMatchObject({ scopes: ['publish'], tenants: ['dodici'] })
    const foreign = { token, headers: { tenant: 'rival' } }
    expect((await call(`${service.url}/whoami`, foreign)).status).toBe(403)
  })

  it('of every tenant gets those that are there, each once and by name', async () => {
    await makeKey(service.url, { tenants: ['dodici', 'rival'] })
    await database.admin.pool.query(
      `insert into event_type (tenant, name, last_position)
       select tenant, name, 1
       from unnest(array['zeta', 'alpha']) as tenant, unnest(array['a.b', 'c.d']) as name`,
    )
    await database.admin.pool.query(
      `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason)
       select tenant, position, 'integration', 'x', 1, 'integration_registered', 'removed', 'a', 'b'
       from unnest(array['mid', 'alpha']) as tenant, generate_series(1, 2) as position`,
    )
    const { token } = await makeKey(service.url, { tenants: ['*'], scopes: ['read'] })
    const { tenants, is_for_every_tenant } = await whoami(token)
    expect([tenants, is_for_every_tenant]).toEqual([
      ['alpha', 'dodici', 'mid', 'rival', 'zeta'],
      true,
    ])
  })
})

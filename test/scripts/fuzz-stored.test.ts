// What the fuzz compares in the database: a change that was stored though its request was refused,
// by a JWT or by an API key.

import { expect, it } from 'vitest'
import type { Request } from '../../scripts/fuzz/message.ts'
import { watchStored } from '../../scripts/fuzz/stored.ts'
import type { Answer } from '../../scripts/fuzz/wire.ts'
import { createFindings } from '../../scripts/kit/findings.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()
const key = { id: '0123456789ab', token: 'mr_0123456789ab_x' }
const other = { id: 'ffffffffffff', token: 'mr_ffffffffffff_x' }
const tenant = {
  name: 'fza',
  ids: new Map(),
  stopped: 'stopped',
  keys: { whole: key, narrow: other, revoked: other },
}

/** A request of a tenant, in the parts that are compared. */
const requestBy = (token: string) =>
  ({
    serial: 7,
    tenant,
    what: '',
    operation: { id: 'stopIntegration' },
    method: 'POST',
    target: '/things',
    headers: [],
    body: undefined,
    isForeign: false,
    caller: { kind: 'one', authorization: `Bearer ${token}`, tenants: ['fza'], mayPass: true },
  }) as unknown as Request
const answered = (status: number): Answer => ({
  status,
  ms: 1,
  headers: new Map(),
  body: Buffer.from('{}'),
})

it.each([
  ['JWT fuzz-7', 'a.b.c', 409, true],
  ['JWT fuzz-7', 'a.b.c', 200, false],
  ['API key 0123456789ab (fza)', key.token, 409, true],
  ['API key 0123456789ab (fza)', key.token, 200, false],
])('a change by %s with %s, answered %i', async (actor, token, status, isFault) => {
  const findings = createFindings()
  const stored = await watchStored(database.admin.pool, findings)
  await database.admin.pool.query(
    `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
       document)
     values ('fza', position_of(clock_timestamp()), 'integration', 'erp', 1, 'integration_started',
       'running', $1, 'A test.', '{}')`,
    [actor],
  )
  const outcome = { request: requestBy(token), answer: answered(status) }
  await stored.compare([outcome], { least: 0, most: 0 })
  expect(findings.counts().has('a change')).toBe(isFault)
})

// The list of keys in pages: each key once, whatever is made and revoked meanwhile.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ADMIN_TOKEN, call } from '../../scripts/kit/client.ts'
import { PROGRAM } from '../../scripts/kit/program.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { API_KEYS, makeKey, revoke, startHere } from './callers.ts'

type Listed = { api_keys: { id: string; status: string }[]; next?: string }

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
  // Half of them in one moment, some expired, some revoked, some of other tenants.
  await database.pool.query(
    `insert into api_key (
       id, name, secret_sha256, tenants, scopes, created_at, created_by, expires_at, revoked_at,
       revoked_by
     )
     select
       lpad(to_hex(i), 12, '0'), 'one of many', sha256('x'),
       case when i % 5 = 0 then '{rival, dodici}' else '{dodici}' end::text[], '{read}',
       moment, 'ada', case when i % 7 = 0 then moment + interval '1 s' end,
       case when i % 3 > 0 then now() end, case when i % 3 > 0 then 'ada' end
     from generate_series(1, 1500) as i
     cross join lateral (select now() - interval '1 day' * (i % 2) * i as moment) as made`,
  )
})
afterAll(() => service.stop())

const list = (query: string, headers = { tenant: 'dodici' }, token = ADMIN_TOKEN) =>
  call<Listed>(`${service.url}${API_KEYS}${query}`, { headers, token })

it('shows every key once, expired and revoked ones too, while others are made', async () => {
  const seen: string[] = []
  let query: string | undefined = '?limit=170'
  while (query !== undefined) {
    const { status, body }: { status: number; body: Listed } = await list(query)
    expect(status).toBe(200)
    expect(body.api_keys.length).toBeLessThanOrEqual(170)
    seen.push(...body.api_keys.map(({ id }) => id))
    await makeKey(service.url, { tenants: ['dodici'] })
    await revoke(service.url, seen.at(-1) as string)
    query = body.next && `?limit=170&after=${body.next}`
  }
  expect(new Set(seen).size).toBe(seen.length)
  // Those of dodici alone; those for two tenants are the operator's.
  expect(seen.filter((id) => id.startsWith('0'.repeat(9)))).toHaveLength(1_200)
})

it('is a thousand long without a limit, and says that there is more', async () => {
  const { body } = await list('')
  expect(body.api_keys).toHaveLength(1_000)
  expect(body.next).toBe(body.api_keys.at(-1)?.id)
  const rest = await list(`?after=${body.next}`)
  expect(rest.body.api_keys.length).toBeGreaterThan(200)
  expect(rest.body).not.toHaveProperty('next')
})

it('begins after no key of others, and after nothing that is none', async () => {
  const foreign = await makeKey(service.url, { tenants: ['rival'] })
  for (const query of [`after=${foreign.id}`, 'after=000000000000', 'after=x', 'limit=0']) {
    const [parameter = ''] = query.split('=')
    expect(await list(`?${query}`)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining(parameter) },
    })
  }
})

it('is shown whole by the command', async () => {
  const { token } = await makeKey(service.url, { tenants: ['dodici'], scopes: ['admin'] })
  const env = { PATH: '', MILLRACE_URL: service.url, MILLRACE_TOKEN: token }
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, 'keys', 'list'], { env })
  const ids = stdout.trim().split('\n')
  expect(ids.length).toBeGreaterThan(1_200)
  expect(new Set(ids).size).toBe(ids.length)
})

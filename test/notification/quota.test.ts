// How many jobs a tenant may have, and its list of them in pages.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, type Reply } from '../../scripts/kit/client.ts'
import { aJob, JOBS } from '../../scripts/kit/jobs.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

type RunPage = { runs: { requested_at: string }[]; next?: string }

const MOST = 100
const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const create = (id: string, more: object = {}) =>
  call(service.url + JOBS, { body: JSON.stringify(aJob({ id, ...more })) })
const change = (id: string, method: string, body?: object) =>
  call(`${service.url}${JOBS}/${id}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
const list = (query: string) => call<{ id: string }[]>(`${service.url}${JOBS}${query}`)

it('are at most a hundred that are not deleted, however many are made at once', async () => {
  const ids = Array.from({ length: MOST + 10 }, (_, i) => `job-${i}`)
  const replies = await Promise.all(ids.map((id) => create(id)))
  const made = replies.filter(({ status }) => status === 201)
  const refused = replies.filter(({ status }) => status === 400)
  expect([made.length, refused.length]).toEqual([MOST, 10])
  for (const { body } of refused) {
    expect(body).toMatchObject({
      error_code: 'too_many_jobs',
      message: expect.stringContaining('100'),
    })
  }
  // A change is none more, and a deleted one does not count, until it lives again.
  const [first, second] = made.map(({ body }) => body['id'] as string) as [string, string]
  expect((await change(first, 'PUT', { is_active: false })).status).toBe(200)
  expect((await create('deleted', { deleted: true })).status).toBe(201)
  expect((await change(first, 'DELETE')).status).toBe(204)
  expect((await create('another')).status).toBe(201)
  expect(await change(first, 'PUT', { deleted: false })).toMatchObject({
    status: 400,
    body: { error_code: 'too_many_jobs' },
  })
  expect((await change(second, 'DELETE')).status).toBe(204)
  expect((await change(first, 'PUT', { deleted: false })).status).toBe(200)
  const other = { headers: { tenant: 'other' }, body: JSON.stringify(aJob()) }
  expect((await call(service.url + JOBS, other)).status).toBe(201)
})

it('come in pages, each once, in an order that new ones do not change', async () => {
  const before = (await list('')).body.map(({ id }) => id)
  expect((await list('')).headers['link']).toBeUndefined()
  const seen: string[] = []
  let query: string | undefined = '?limit=40'
  while (query !== undefined) {
    const page = await list(query)
    expect(page.status).toBe(200)
    expect(page.body.length).toBeLessThanOrEqual(40)
    seen.push(...page.body.map(({ id }) => id))
    const made = await create(`late-${seen.length}`, { deleted: true })
    expect(made.status).toBe(201)
    const [, next] =
      /^<\/api\/v1\/jobs(\?.*)>; rel="next"$/.exec(String(page.headers['link'])) ?? []
    query = seen.length < before.length + 2 ? next : undefined
  }
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen.slice(0, before.length)).toEqual(before)
})

it('have their runs in pages, newest first', async () => {
  await call(service.url + JOBS, { headers: { tenant: 'runs' }, body: JSON.stringify(aJob()) })
  await database.pool.query(
    `insert into notification_run (
       tenant, job_id, position, cause, state, from_position, to_position, started_at, finished_at
     )
     select 'runs', 'back-in-stock', 1790000000000000 + i, 'manual', 'completed', 1, 2, now(), now()
     from generate_series(1, 120) as i`,
  )
  const seen: string[] = []
  let query: string | undefined = ''
  while (query !== undefined) {
    const { body }: Reply<RunPage> = await call(
      `${service.url}${JOBS}/back-in-stock/runs${query}`,
      { headers: { tenant: 'runs' } },
    )
    expect(body.runs.length).toBeLessThanOrEqual(50)
    seen.push(...body.runs.map(({ requested_at }) => requested_at))
    query = body.next && `?after=${encodeURIComponent(body.next)}`
  }
  expect(seen).toHaveLength(120)
  expect(seen).toEqual([...new Set(seen)].sort().reverse())
  const wrong = await call(`${service.url}${JOBS}/back-in-stock/runs?after=now`, {
    headers: { tenant: 'runs' },
  })
  expect(wrong).toMatchObject({ status: 400, body: { message: expect.stringContaining('after') } })
})

it.each(['limit=0', 'limit=1001', 'limit=x', 'after=x', 'after=1&after=2', 'after=%00'])(
  'are refused a page of %s',
  async (query) => {
    const [parameter = ''] = query.split('=')
    expect(await list(`?${query}`)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining(parameter) },
    })
  },
)

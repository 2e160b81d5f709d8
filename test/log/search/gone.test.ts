// A client that hangs up: Postgres ends its statement, and nobody else's.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { ADMIN_TOKEN, call, EVENTSTREAM, publish, register } from '../../../scripts/kit/client.ts'
import { until } from '../../../scripts/kit/until.ts'
import { createPartitions } from '../../../src/log/partitions.ts'
import type { Server } from '../../../src/server.ts'
import { startHere } from '../../access/callers.ts'
import { useDatabase } from '../../helpers/database.ts'

const database = useDatabase()
let service: Server
let position = 0
beforeAll(async () => {
  await createPartitions(database.pool)
  service = await startHere(database.url)
  await register(service.url, 'erp', 'http://127.0.0.1:9/')
  position = (await publish(service.url, { key: 'one', payload: '{}' })).body.position
})
afterAll(() => service.stop())

/** Asks; resolves with the status, or with nothing after it has hung up. */
async function ask(path: string, signal: AbortSignal | null = null): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, tenant: 'dodici' }
  try {
    const answer = await fetch(service.url + path, { headers, signal })
    await answer.text()
    return answer.status
  } catch (error) {
    if (signal?.aborted) return undefined
    throw error
  }
}

/** The process ids of the service's statements of a name. */
async function running(name: string): Promise<number[]> {
  const { rows } = await database.admin.pool.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and state = 'active' and query like $1`,
    [`%/* prepared: ${name} */%`],
  )
  return rows.map(({ pid }) => pid)
}

const QUESTIONS: [statement: string, path: () => string][] = [
  ['search_log_asc', () => '/events'],
  ['search_id', () => '/events?entity_id=order-1'],
  ['has_event', () => `/events/${position}/deliveries`],
  ['end_of_step', () => `${EVENTSTREAM}/erp/undelivered`],
]

it.each(QUESTIONS)('%s ends with its client', async (statement, path) => {
  const blocker = await database.admin.pool.connect()
  const gone = new AbortController()
  try {
    await blocker.query('begin; lock table event in access exclusive mode')
    const asked = ask(path(), gone.signal)
    await until('it runs', async () => (await running(statement)).length === 1)
    const hungUp = performance.now()
    gone.abort()
    await until('it is gone', async () => (await running(statement)).length === 0)
    // Otherwise its wait for the lock would end after 5 s.
    expect(performance.now() - hungUp).toBeLessThan(2_000)
    expect(await asked).toBeUndefined()
  } finally {
    gone.abort()
    await blocker.query('rollback')
    blocker.release()
  }
  expect(await ask('/events')).toBe(200)
})

it('no other statement ends, whenever clients hang up', async () => {
  for (let round = 0; round < 100; round++) {
    const hasty = Array.from({ length: 4 }, (_, i) =>
      ask('/events', AbortSignal.timeout((round + i) % 8)),
    )
    expect(await ask('/events')).toBe(200)
    await Promise.all(hasty)
  }
  const health = await call(`${service.url}/readyz`)
  expect(health.status).toBe(200)
})

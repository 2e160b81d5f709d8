// Any statement of the service is cancelled, and any session terminated, at random and under load,
// those of graphile-worker too: both processes live on, and nothing is lost.

import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { register } from '../../scripts/kit/client.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { everythingArrives, expectOrderPerEntity, publishLoad } from '../helpers/load.ts'
import { type Service, startService } from '../helpers/service.ts'

/** One every ten milliseconds: some seconds of it. Raise it for a longer run. */
const HITS = 400
const ENTITIES = 100

const database = useDatabase()
let receiver: Receiver
let serve: Service
let work: Service
beforeAll(async () => {
  const environment = {
    DATABASE_URL: database.url,
    MILLRACE_LEASE_MS: '1000',
    MILLRACE_SWEEP_MS: '200',
  }
  receiver = await startReceiver()
  serve = await startService('serve', environment)
  work = await startService('work', environment)
})
afterAll(async () => {
  await Promise.all([serve, work].map((service) => service?.kill('SIGTERM')))
  await receiver.close()
})

it('survives cancelled statements and terminated sessions', async () => {
  await register(serve.url, 'erp', receiver.url)
  let isHit = false
  const stored = new Map<string, number>()
  const publishing = publishUntil(() => isHit, stored)
  await until('some are published', () => stored.size > 500)
  // The administrator's: sessions of the test are among those that are hit.
  const own = new pg.Client({ connectionString: database.adminUrl })
  await own.connect()
  let hits = 0
  await until(
    `${HITS} backends are hit`,
    async () => {
      const { rowCount } = await own.query(hits % 5 === 0 ? TERMINATE : CANCEL)
      hits += rowCount ?? 0
      return hits >= HITS
    },
    180_000,
  )
  await own.end()
  isHit = true
  await publishing
  const { rows } = await database.pool.query(`select idempotency_key, position from event
    where name not like 'millrace.%'`)
  expect(new Map(rows.map((row) => [row.idempotency_key, row.position]))).toEqual(stored)
  await everythingArrives(receiver, { stored, repeated: 0 })
  expectOrderPerEntity(receiver, ENTITIES)
  for (const { process, output } of [serve, work]) expect(process.exitCode, output()).toBeNull()
}, 240_000)

/** Of this database only: other files use others of the same server at the same time. */
const hit = (how: string) => `
  with victim as materialized (
    select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
    order by (state = 'active' and random() < 0.5) desc, random()
    limit 1
  )
  select from victim where ${how}(pid)`
const CANCEL = hit('pg_cancel_backend')
const TERMINATE = hit('pg_terminate_backend')

/** Loads of a thousand, one after the other. */
async function publishUntil(isOver: () => boolean, stored: Map<string, number>): Promise<void> {
  for (let load = 0; !isOver(); load++) {
    const prefix = `load${load}`
    const options = { events: 1_000, entities: ENTITIES, publishers: 16, prefix }
    const journal = await publishLoad(() => serve.url, options)
    for (const [key, position] of journal.stored) stored.set(key, position)
  }
}

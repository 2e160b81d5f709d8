// The sweep remembers where the log ended and who was behind: it finds everything all the same.

import { beforeEach, describe, expect, it } from 'vitest'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { sweepStatement } from '../../src/delivery/wake.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createLogger } from '../../src/logger.ts'
import { createSweep, newsStatement, type Sweep } from '../../src/maintenance/sweep.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const who = { actor: 'test', reason: 'A test.' }
const document = {
  integration_type: 'permanent' as const,
  callback_parameters: { callback_url: 'http://a.example' },
}
const tenants = ['dodici', 'tredici', 'quattordici']
const publish = (tenant: string) => appendEvents(database.pool, [anEvent({ tenant })])
/** Of the tenants that have a job; the jobs are gone afterwards. */
const takeJobs = async () => {
  const { rows } = await database.admin.pool.query(
    `delete from graphile_worker._private_jobs returning payload ->> 'tenant' as tenant`,
  )
  return rows.map(({ tenant }) => tenant).sort()
}
const settle = (tenant: string) =>
  database.pool.query(
    `update cursor
    set read_position = pg_sequence_last_value('lane_position'), owner = null, lease_until = null
    where tenant = $1`,
    [tenant],
  )
let sweep: Sweep['run']
let forget: Sweep['forget']

beforeEach(async () => {
  for (const tenant of tenants) {
    await changeConsumer(database.kysely, tenant, 'erp', { ...who, command: 'remove' })
    const options = { ...who, kind: 'integration', document, most: 10 } as const
    await registerConsumer(database.kysely, tenant, 'erp', options)
  }
  await takeJobs()
  const made = createSweep(database.pool)
  sweep = made.run
  forget = made.forget
  expect(await sweep()).toBe(0)
})

describe('a sweep after one that found nobody behind', () => {
  it('finds who is behind, again and again until the events are read', async () => {
    await publish('dodici')
    expect(await sweep()).toBe(1)
    expect(await takeJobs()).toEqual(['dodici'])
    await publish('tredici')
    await sweep()
    expect(await takeJobs()).toEqual(['dodici', 'tredici'])
    await settle('dodici')
    await sweep()
    await sweep()
    expect(await takeJobs()).toEqual(['tredici'])
    await settle('tredici')
    expect(await sweep()).toBe(0)
  })

  it('gives no job to one that has a job', async () => {
    await publish('dodici')
    expect(await sweep()).toBe(1)
    expect(await sweep()).toBe(0)
    expect(await takeJobs()).toEqual(['dodici'])
  })

  it('is not misled by a job that a worker took under a clock that was ahead', async () => {
    await publish('dodici')
    expect(await sweep()).toBe(1)
    const take = (at: string) =>
      database.admin.pool.query(
        `update graphile_worker._private_jobs
        set locked_at = clock_timestamp() + $1::interval, locked_by = 'dead', attempts = 1`,
        [at],
      )
    await take('-0.1 seconds')
    expect(await sweep()).toBe(0)
    await take('40 minutes')
    expect(await sweep()).toBe(1)
    await takeJobs()
  })

  it('looks at everything after it has forgotten: a crash may take a cursor back', async () => {
    await publish('dodici')
    await settle('dodici')
    await sweep()
    await takeJobs()
    await database.pool.query(`update cursor set read_position = 0 where tenant = 'dodici'`)
    expect(await sweep()).toBe(0)
    forget()
    expect(await sweep()).toBe(1)
    expect(await takeJobs()).toEqual(['dodici'])
  })

  it('finds an event whose append was under way', async () => {
    const client = await database.pool.connect()
    await client.query('begin')
    await client.query(`select publish_event('dodici', 'order.created', 'o', 'k', '{}')`)
    expect(await sweep()).toBe(0)
    expect(await sweep()).toBe(0)
    await client.query('commit')
    client.release()
    expect(await sweep()).toBe(1)
    expect(await takeJobs()).toEqual(['dodici'])
  })

  it('finds one that is started again, behind since before', async () => {
    await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'stop' })
    await publish('dodici')
    await sweep()
    expect(await takeJobs()).toEqual([])
    await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'start' })
    expect(await sweep()).toBe(1)
  })

  it('finds one that was released behind, and one whose retry is due', async () => {
    await publish('dodici')
    await publish('tredici')
    await database.pool.query(`
      update cursor set owner = gen_random_uuid(), lease_until = now() + interval '1 minute'
      where tenant = 'dodici'`)
    await database.pool.query(`
      update cursor set retry_at = now() + interval '1 minute', retry_set_at = now()
      where tenant = 'tredici'`)
    await sweep()
    await sweep()
    expect(await takeJobs()).toEqual([])
    await database.pool.query('update cursor set owner = null, lease_until = null, retry_at = null')
    expect(await sweep()).toBe(2)
  })

  it('probes each cursor if more has come than it reads', async () => {
    await database.pool.query(`
      select publish_event('dodici', 'order.created', 'o', key::text, '{}')
      from generate_series(1, 2001) as key`)
    await publish('tredici')
    await settle('dodici')
    await sweep()
    expect(await takeJobs()).toEqual(['tredici'])
  })

  it('looks for news in the one partition that can have them, in the order of the log', async () => {
    const logger = createLogger('silent')
    const relaxed = openDatabase(database.url, { durability: 'relaxed', max: 1, logger })
    const planOf = async (statement: string, values: unknown[] = []) => {
      const { rows } = await relaxed.pool.query(`explain (costs off) ${statement}`, values)
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
    const { rows: ends } = await relaxed.pool.query(
      `select pg_sequence_last_value('lane_position') as end`,
    )
    const { end } = ends[0]
    const span = { settled: end - 1, end: end + 1 }
    const scans = (await planOf(newsStatement(span))).match(/\w+ Scan using event_\w+/g)
    expect(scans).toEqual([expect.stringMatching(/Index Scan using event_\d+_expr_idx/)])
    const probing = await planOf(sweepStatement({ ...span, hasNews: false }), [[], [], []])
    const probes = probing.match(new RegExp(`Index Cond: .*"position" > '${end - 1}'`, 'g'))
    expect(probes).toHaveLength(1)
    await relaxed.close()
  })
})

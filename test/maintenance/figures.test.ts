// The figures of all streams: the worst ones by name, a bounded number of them, and an outage of
// the database, which a scrape reports instead of waiting.

import { afterAll, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { createLogger } from '../../src/logger.ts'
import { createFigures } from '../../src/maintenance/figures.ts'
import { metricsText } from '../../src/metrics/metric.ts'
import { useDatabase } from '../helpers/database.ts'
import { readScrape } from '../helpers/scrape.ts'

const database = useDatabase()
const logger = createLogger('silent')
const options = { retentionDays: 30, logger }
const who = { actor: 'test', reason: 'A test.' }
const document = {
  integration_type: 'permanent' as const,
  callback_parameters: { callback_url: 'http://a.example' },
}
const register = (tenant: string, id: string) =>
  registerConsumer(database.kysely, tenant, id, {
    ...who,
    kind: 'integration',
    document,
    most: 100,
  })
const stop = (tenant: string, id: string, actor: string) =>
  changeConsumer(database.kysely, tenant, id, { actor, reason: 'It stops.', command: 'stop' })
/** Reads figures that are not those of an earlier test. */
const read = async (pool = database.pool) => {
  await createFigures(pool, options)()
  return readScrape(metricsText())
}

it('tells who has stopped a stream, and when retention takes its events', async () => {
  for (const id of ['by-hand', 'by-itself', 'fails', 'well']) await register('dodici', id)
  await stop('dodici', 'by-hand', 'API key 1')
  await stop('dodici', 'by-itself', 'millrace')
  await database.admin.pool.query(
    `update cursor
    set attempts = 3, unresolved = array[position_of(clock_timestamp() - interval '2 hours')]
    where consumer = 'fails'`,
  )
  await database.admin.pool.query(
    `update cursor set read_position = position_of(clock_timestamp()) where consumer = 'well'`,
  )
  const figures = await read()
  const stateOf = (consumer: string) =>
    figures.series.find(
      ({ name, labels }) => name === 'millrace_stream_state' && labels['consumer'] === consumer,
    )?.labels['state']
  expect(['by-hand', 'by-itself', 'fails', 'well'].map(stateOf)).toEqual([
    ...['stopped', 'given_up', 'failing', 'ok'],
  ])
  const fails = { tenant: 'dodici', consumer: 'fails' }
  expect(figures.sum('millrace_stream_failures', fails)).toBe(3)
  expect(figures.sum('millrace_stream_lag_seconds', fails)).toBeGreaterThanOrEqual(7_200)
  expect(figures.sum('millrace_stream_lag_seconds', fails)).toBeLessThan(7_300)
  const days = (figures.sum('millrace_stream_retention_left_seconds', fails) ?? 0) / 86_400
  expect(days).toBeGreaterThan(29)
  expect(days).toBeLessThanOrEqual(31)
  expect(figures.sum('millrace_stream_retention_left_seconds', { consumer: 'well' })).toBe(
    undefined,
  )
})

it('names the 50 worst streams, and counts all', async () => {
  for (let i = 0; i < 60; i++) await register('many', `erp-${i}`)
  await database.admin.pool.query(`update cursor set attempts = 1 where consumer = 'erp-59'`)
  const figures = await read()
  expect(figures.sum('millrace_stream_state')).toBe(50)
  expect(figures.sum('millrace_stream_state', { consumer: 'erp-59', state: 'failing' })).toBe(1)
  expect(figures.sum('millrace_stream_state', { state: 'stopped' })).toBe(undefined)
  expect(figures.sum('millrace_streams')).toBe(64)
})

const away = openDatabase('postgres://nobody@127.0.0.1:1/none', {
  durability: 'durable',
  max: 1,
  logger,
})
afterAll(() => away.close())

it('says that the database is away', async () => {
  const figures = await read(away.pool)
  expect(figures.sum('millrace_database_up')).toBe(0)
  expect(figures.sum('millrace_streams')).toBe(undefined)
})

it('reads once for any number of scrapes, and waits two seconds at most', async () => {
  const client = await database.admin.pool.connect()
  try {
    await client.query('begin')
    await client.query('lock table consumer')
    const refresh = createFigures(database.pool, options)
    const began = performance.now()
    await Promise.all([refresh(), refresh(), refresh()])
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(readScrape(metricsText()).sum('millrace_database_up')).toBe(0)
    const { rows } = await client.query(
      `select count(*)::integer as count from pg_stat_activity where query like '%as figures%'
        and pid <> pg_backend_pid() and state = 'active' and datname = current_database()`,
    )
    expect(rows[0].count).toBeLessThanOrEqual(1)
    await client.query('rollback')
    await until('the figures are there again', async () => {
      await refresh()
      return readScrape(metricsText()).sum('millrace_database_up') === 1
    })
  } finally {
    client.release()
  }
})

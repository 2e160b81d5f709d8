// The replay and the operations scripts on the seeded days (seed.ts).

import { beforeAll, describe, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { pick, published, rowsOf } from './rows.ts'
import { at, positionAt, seed } from './seed.ts'

const database = useDatabase()
beforeAll(() => seed(database.admin.pool))

/** What only reads, an auditor may run. */
const ask = (name: string, ...args: string[]) => {
  const role = name === 'replay/date-range' ? 'service' : 'auditor'
  return rowsOf(asRole(database.url, role), name, ...args)
}

describe('ops/lag', () => {
  it('counts what is not settled, before the filter, and how old the oldest of it is', async () => {
    const rows = await ask('ops/lag')
    const columns = ['integration', 'status', 'events', 'oldest_published_at', 'last_step_at']
    expect(pick(rows, ...columns)).toEqual([
      ['late', 'stopped', 13, at('10T23:59:59.999999'), null],
      ['jumped', 'running', 7, at('11T05:00:00'), null],
      ['erp', 'running', 5, at('11T06:00:00'), at('11T07:00:01')],
      ['fresh', 'running', 6, at('11T06:00:00'), null],
    ])
    for (const { seconds, oldest_published_at: oldest } of rows) {
      const age = (Date.now() - Date.parse(oldest as string)) / 1000
      expect(Math.abs((seconds as number) - age)).toBeLessThan(30)
    }
    expect(await ask('ops/lag', 'tenant=another')).toEqual([])
  })
})

describe('ops/failing', () => {
  it('says since when and why, of those that fail and those that are stopped', async () => {
    const rows = await ask('ops/failing', 'tenant=dodici')
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatchObject({
      integration: 'late',
      state: 'stopped',
      since: at('11T00:59:00'),
      why: 'Gone.',
      stopped_by: 'millrace',
      attempts: 0,
      rejected_events_kept: 0,
      last_failed_at: null,
    })
    expect(rows[1]).toMatchObject({
      integration: 'erp',
      state: 'failing',
      since: at('11T06:00:01'),
      attempts: 2,
      why: 'connection refused',
      last_failed_at: at('11T06:00:03'),
      http_status: null,
      event_position: positionAt('11T06:00'),
      rejected_events_kept: 1,
      response: 'Oops',
    })
  })
  it('leaves out what was created inactive, until somebody stops it', async () => {
    const failing = async () => pick(await ask('ops/failing', 'tenant=shop'), 'integration')
    const change = (text: string) => database.pool.query(`select ${text})`)
    await change(`register_consumer('shop', 'subscription', 'subscription:crm', '{}', 'stopped',
      'subscription_stopped', 'anna', 'Created.', null, null, 100`)
    await change(`change_consumer('shop', 'subscription:crm', 1, 'stopped', 'subscription_updated',
      'anna', 'Updated.', '{"a": 1}', false`)
    expect(await failing()).toEqual([])
    await change(`change_consumer('shop', 'subscription:crm', 2, 'running', 'subscription_started',
      'anna', 'Activated.', null, false`)
    expect(await failing()).toEqual([])
    await change(`change_consumer('shop', 'subscription:crm', 3, 'stopped', 'subscription_stopped',
      'millrace', 'Refused.', null, false`)
    expect(await failing()).toEqual([['subscription:crm']])
  })
})

describe('ops/throughput', () => {
  it('counts by hour, tenant and name within the period', async () => {
    const rows = await ask('ops/throughput', 'from=2026-03-11T01:00Z', 'to=2026-03-11T03:00Z')
    expect(pick(rows, 'hour', 'tenant', 'name', 'events', 'payload_bytes')).toEqual([
      [at('11T01:00:00'), 'another', 'order.created', 1, 17],
      [at('11T01:00:00'), 'dodici', 'order.shipped', 1, 17],
      [at('11T02:00:00'), 'dodici', 'invoice.created', 1, 17],
    ])
    expect(published(await ask('ops/throughput'))).toEqual([])
  })
})

describe('ops/leases', () => {
  it('says who holds what, and until when', async () => {
    await database.pool.query(
      `update cursor set lease_until = now() + interval '1 minute' where consumer = 'fresh'`,
    )
    expect(await ask('ops/leases', 'tenant=dodici')).toMatchObject([
      {
        integration: 'fresh',
        run: 0,
        owner: '00000000-0000-4000-8000-000000000001',
        epoch: 3,
        state: 'held',
        lease_until: expect.any(String),
        unresolved: 1,
      },
    ])
    await database.pool.query(`update cursor set lease_until = now() where consumer = 'fresh'`)
    expect(pick(await ask('ops/leases'), 'state')).toEqual([['ended']])
  })
})

describe('ops/notifications', () => {
  it('says what the last run did, and what is due still', async () => {
    expect(await ask('ops/notifications')).toMatchObject([
      {
        job: 'back',
        notification: 'BACK_IN_STOCK',
        next_run_at: '2026-03-12T09:00:00Z',
        last_state: 'failed',
        last_started_at: at('11T09:00:00'),
        sent: 7,
        due: 3,
        reason: 'Refused.',
      },
    ])
    expect(await ask('ops/notifications', 'tenant=another')).toEqual([])
  })
})

describe('ops/partitions', () => {
  it('has the days, and misses tomorrow where it is not there', async () => {
    const rows = await ask('ops/partitions')
    const seeded = rows.find(({ partition }) => partition === 'event_20260311')
    expect(seeded).toMatchObject({
      table: 'event',
      from_time: at('11T00:00:00'),
      to_time: at('12T00:00:00'),
      state: 'past',
    })
    expect(seeded?.['bytes']).toBeGreaterThan(8_000)
    const days = rows.filter((row) => row['table'] === 'event').map(({ state }) => state)
    expect(days.filter((state) => state === 'today' || state === 'tomorrow')).toHaveLength(2)
    expect(JSON.stringify(rows)).not.toContain('MISSING')

    const tomorrow = rows.find((row) => row['table'] === 'attempt' && row['state'] === 'tomorrow')
    await database.admin.pool.query(`drop table ${tomorrow?.['partition']}`)
    const missing = (await ask('ops/partitions')).filter(({ partition }) => partition === null)
    expect(pick(missing, 'table', 'from_time', 'state')).toEqual([
      ['attempt', tomorrow?.['from_time'], 'MISSING: tomorrow'],
    ])
  })
})

describe('replay/date-range and replay/progress', () => {
  const replay = (integration: string, from: string, to: string) => {
    const range = [`from=2026-03-${from}Z`, `to=2026-03-${to}Z`]
    return ask('replay/date-range', 'tenant=dodici', `integration=${integration}`, ...range)
  }
  const cursors = async () => {
    const { rows } = await database.pool.query(`
      select consumer, run, read_position, stop_position, unresolved, attempts, owner
      from cursor where run > 0 order by consumer, run`)
    return rows
  }

  it('refuses what cannot be replayed, says why, and writes nothing', async () => {
    const answers = [
      ...(await replay('nobody', '11T01:00', '11T02:00')),
      ...(await replay('fresh', '11T02:01', '11T02:00')),
    ]
    expect(pick(answers, 'run', 'refused')).toEqual([
      [null, 'There is no such integration.'],
      [null, 'The range ends before it begins, or lies ahead.'],
    ])
    expect(await cursors()).toEqual([])
    const noted = await database.pool.query(`
      select from config_log where action = 'replay_started'`)
    expect(noted.rowCount).toBe(0)
  })

  it('writes a run of its own, from the one time to the other, both included', async () => {
    const [first] = await replay('fresh', '11T01:00', '11T03:00')
    expect(first).toMatchObject({ run: 1, events_in_the_log: 3, hint: null, refused: null })
    const [second] = await replay('fresh', '09T00:00', '11T00:00')
    expect(second).toMatchObject({ run: 2, events_in_the_log: 2, refused: null })
    expect(second?.['hint']).toMatch('Another replay of the integration comes first.')
    const fresh = { consumer: 'fresh', unresolved: [], attempts: 0, owner: null }
    expect(await cursors()).toEqual([
      {
        ...fresh,
        run: 1,
        read_position: positionAt('11T01:00') - 1,
        stop_position: positionAt('11T03:00'),
      },
    ])
  })

  it('is noted in the config log, and changes no configuration', async () => {
    const { rows } = await database.pool.query(`
      select actor, reason, version from config_log
      where id = 'fresh' and action = 'replay_started' order by position`)
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatchObject({ version: 1, actor: expect.stringMatching(/^sql:./) })
    expect(rows[0].reason).toMatch(
      /^Replay 1 of what was published from 2026-03-11T01:00:00.000000Z to .* Started in SQL\.$/,
    )
    expect(await ask('audit/changes', 'tenant=dodici', 'from=today', 'to=tomorrow')).toEqual([])
  })

  it('gives no number twice, arrived or not, and tells where each one stands', async () => {
    expect(await replay('erp', '11T00:00', '11T04:00')).toMatchObject([{ run: 8 }])
    const rows = await ask('replay/progress', 'tenant=dodici')
    const columns = ['integration', 'run', 'state', 'events_left', 'delivered']
    expect(pick(rows, ...columns, 'replays_from', 'replays_to')).toEqual([
      ['erp', 7, 'completed', 0, 1, at('10T00:00:00.000001'), at('10T23:59:59.999999')],
      ['erp', 8, 'running', 5, 0, at('11T00:00:00'), at('11T04:00:00')],
      ['fresh', 1, 'running', 3, 0, at('11T01:00:00'), at('11T03:00:00')],
      ['fresh', 2, 'queued', 2, 0, at('09T00:00:00'), at('11T00:00:00')],
      ['temp', 1, 'completed', 0, 3, at('11T01:00:00'), at('11T03:00:00')],
    ])
  })

  it('estimates from the last minute', async () => {
    await database.pool.query(
      `insert into receipt values
         ('dodici', position_of(now()), 'fresh', 1, 1, $1, $2, 1, 0, 0, '{}')`,
      [positionAt('11T01:00') - 1, positionAt('11T01:00')],
    )
    await database.pool.query(
      `update cursor set read_position = $1, owner = gen_random_uuid(),
         lease_until = now() + interval '1 minute'
       where consumer = 'fresh' and run = 1`,
      [positionAt('11T01:00')],
    )
    const rows = await ask('replay/progress', 'tenant=dodici')
    expect(rows.find((row) => row['integration'] === 'fresh' && row['run'] === 1)).toMatchObject({
      state: 'running',
      events_left: 2,
      delivered: 1,
      settled_in_last_minute: 1,
      time_left: '00:02:00',
    })
  })
})

// The lease: one holder, an end, and writes of a former holder that change nothing.

import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import type { Db } from '../../src/db/pool.ts'
import { type Leased, type Totals, takeLease } from '../../src/delivery/cursor.ts'
import { keepRejected } from '../../src/delivery/rejected.ts'
import { moveCursor, releaseCursor, type Step } from '../../src/delivery/step.ts'
import { findIntegration } from '../../src/integration/find.ts'
import { useDatabase } from '../helpers/database.ts'
import { aLoggedEvent } from '../helpers/factory.ts'

const database = useDatabase()
const job = { tenant: 'dodici', consumer: 'erp', run: 0 }
const who = { actor: 'test', reason: 'A test.' }
const document = {
  integration_type: 'permanent' as const,
  callback_parameters: { callback_url: 'http://a.example' },
}
const totals = (changes: Partial<Totals> = {}): Totals => ({
  delivered: 5,
  rejected: 0,
  filtered: 0,
  latencyHistogram: [5],
  ...changes,
})
const step = (changes: Partial<Step> = {}): Step => ({
  readPosition: 100,
  unresolved: [7, 9],
  attempts: 0,
  version: 1,
  totals: totals(),
  ...changes,
})
const take = (leaseMs = 60_000) => takeLease(database.kysely, job, randomUUID(), leaseMs)
const cursor = async () => (await database.pool.query('select * from cursor')).rows[0]
const receipts = async (version: number) => {
  const { rows } = await database.pool.query(
    'select * from receipt where version = $1 order by position',
    [version],
  )
  return rows
}

beforeEach(async () => {
  await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'remove' })
  const options = { ...who, kind: 'integration', document, most: 10 } as const
  await registerConsumer(database.kysely, 'dodici', 'erp', options)
  // A new one stands at the end of the log, which is now.
  await database.pool.query('update cursor set read_position = 0')
})

describe('a lease', () => {
  it('has one holder, however many ask at once', async () => {
    const leases = await Promise.all(Array.from({ length: 12 }, () => take()))
    expect(leases.filter(Boolean)).toHaveLength(1)
  })

  it('is free again when it is given back, with where the cursor stands', async () => {
    const first = (await take()) as Leased
    expect(await releaseCursor(database.kysely, first.lease, step())).toBe('running')
    expect(await take()).toMatchObject({ readPosition: 100, unresolved: [7, 9], version: 1 })
  })

  it('is over where it ends later than any can: the clock was ahead when it was taken', async () => {
    const first = (await take()) as Leased
    await database.pool.query(`
      update cursor
      set lease_until = now() + interval '2 hours', close_until = now() + interval '2 hours'`)
    await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'stop' })
    const found = await findIntegration(database.kysely, 'dodici', 'erp')
    expect(found).toMatchObject({ desired: 'stopped', status: 'stopped' })
    await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'start' })
    expect(await take()).toMatchObject({ lease: { epoch: first.lease.epoch + 1 } })
  })

  it('passes to another when it has ended; the first writes nothing any more', async () => {
    const first = (await take(0)) as Leased
    const second = (await take()) as Leased
    expect(second.lease.epoch).toBe(first.lease.epoch + 1)
    const stale = step({ readPosition: 999, version: 77 })
    expect(await moveCursor(database.kysely, first.lease, stale, 1_000)).toBe('lost')
    expect(await releaseCursor(database.kysely, first.lease, stale, { retryInMs: 5 })).toBe('lost')
    const answer = { status: 400, response: '' }
    const kept = await keepRejected(database.kysely, first.lease, aLoggedEvent(), answer)
    expect(kept).toBe('lost')
    expect(await cursor()).toMatchObject({ owner: second.lease.owner, retry_at: null })
    const written = await database.pool.query(`
      select version from receipt where version = 77
      union all
      select 0 from rejected_event`)
    expect(written.rows).toEqual([])
  })

  it('is refused until a retry is due', async () => {
    const first = (await take()) as Leased
    await releaseCursor(database.kysely, first.lease, step({ attempts: 3 }), { retryInMs: 60_000 })
    expect(await take()).toBeUndefined()
    await database.pool.query(`update cursor set retry_at = now() - interval '1 ms'`)
    expect(await take()).toMatchObject({ attempts: 3 })
  })

  it('is refused to a stopped integration, and its holder is told of the stop', async () => {
    const { lease } = (await take()) as Leased
    await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'stop' })
    expect(await moveCursor(database.kysely, lease, step(), 1_000)).toBe('stopped')
    await releaseCursor(database.kysely, lease, step())
    expect(await take()).toBeUndefined()
  })
})

describe('a step', () => {
  it('leaves one receipt, and none where nothing was settled', async () => {
    const { lease } = (await take()) as Leased
    await moveCursor(database.kysely, lease, step({ version: 41 }), 1_000)
    await moveCursor(database.kysely, lease, step({ version: 41 }), 1_000)
    expect(await receipts(41)).toMatchObject([
      { from_position: 0, to_position: 6, delivered: 5, latency_ms_histogram: [5] },
    ])
  })

  it('counts what was settled since the one before, also of an earlier lease', async () => {
    const first = (await take()) as Leased
    await releaseCursor(database.kysely, first.lease, step({ version: 42 }))
    const { lease, totals: begun } = (await take()) as Leased
    expect(begun).toEqual(totals({ latencyHistogram: [] }))
    const more = { delivered: 8, rejected: 1, filtered: 2, latencyHistogram: [1, 2] }
    await moveCursor(
      database.kysely,
      lease,
      step({ version: 42, unresolved: [], totals: more }),
      1_000,
    )
    const last = { ...more, delivered: 9, latencyHistogram: [2, 2] }
    await releaseCursor(
      database.kysely,
      lease,
      step({ version: 42, readPosition: 150, unresolved: [], totals: last }),
    )
    expect(await receipts(42)).toMatchObject([
      { from_position: 0, to_position: 6, delivered: 5, latency_ms_histogram: [5] },
      {
        from_position: 6,
        to_position: 100,
        delivered: 3,
        rejected: 1,
        filtered: 2,
        latency_ms_histogram: [1, 2],
      },
      {
        from_position: 100,
        to_position: 150,
        delivered: 1,
        rejected: 0,
        filtered: 0,
        latency_ms_histogram: [1, 0],
      },
    ])
    expect(await cursor()).toMatchObject({ delivered: 9, rejected: 1, filtered: 2 })
  })

  it('makes up for those that a crash has undone', async () => {
    const { lease } = (await take()) as Leased
    await moveCursor(database.kysely, lease, step({ version: 43 }), 1_000)
    const undone = totals({ delivered: 6, rejected: 2, latencyHistogram: [5, 1] })
    const written = step({ version: 43, unresolved: [], totals: undone })
    await expect(
      database.kysely.transaction().execute(async (trx) => {
        await moveCursor(trx, lease, written, 1_000)
        throw new Error('A crash.')
      }),
    ).rejects.toThrow('A crash.')
    const after = { ...undone, delivered: 7, latencyHistogram: [6, 1] }
    const next = step({ version: 43, readPosition: 120, unresolved: [], totals: after })
    await moveCursor(database.kysely, lease, next, 1_000)
    expect(await receipts(43)).toMatchObject([
      { from_position: 0, to_position: 6, delivered: 5, rejected: 0 },
      {
        from_position: 6,
        to_position: 120,
        delivered: 2,
        rejected: 2,
        latency_ms_histogram: [1, 1],
      },
    ])
  })

  it('says whether the consumer runs as it was leased, was changed since, or was stopped', async () => {
    const { lease } = (await take()) as Leased
    const outcome = () => moveCursor(database.kysely, lease, step(), 1_000)
    expect(await outcome()).toBe('running')
    await database.pool.query('update consumer set version = 2')
    expect(await outcome()).toBe('superseded')
    await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'stop' })
    expect(await outcome()).toBe('stopped')
  })
})

describe('a step whose answer was lost', () => {
  const more = totals({ delivered: 7, latencyHistogram: [5, 2] })
  const newer = step({ readPosition: 200, unresolved: [150], totals: more })
  it.each([
    ['has read less', step({ readPosition: 199, unresolved: [] })],
    ['has read as much and settled less', step({ readPosition: 200, unresolved: [7, 150] })],
  ])('takes nothing back where it comes after the next, and %s', async (_, older) => {
    const { lease } = (await take()) as Leased
    await moveCursor(database.kysely, lease, newer, 1_000)
    expect(await moveCursor(database.kysely, lease, { ...older, attempts: 9 }, 1_000)).toBe(
      'running',
    )
    expect(await cursor()).toMatchObject({ read_position: 200, unresolved: [150], attempts: 0 })
  })

  it('counts once, in whatever order it and the next one come', async () => {
    for (const [version, steps] of [
      [51, [step(), step(), newer]],
      [52, [newer, step(), newer]],
    ] as const) {
      await database.pool.query(`
        update cursor
        set read_position = 0, unresolved = '{}', owner = null, lease_until = null,
          delivered = 0, latency_ms_histogram = '{}'`)
      const { lease } = (await take()) as Leased
      for (const one of steps) {
        await moveCursor(database.kysely, lease, { ...one, version }, 1_000)
      }
      const written = await receipts(version)
      expect(written.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(7)
      const latencies = written.flatMap(({ latency_ms_histogram }) => latency_ms_histogram)
      expect(latencies.reduce((sum, count) => sum + count, 0)).toBe(7)
      expect(written.at(-1)).toMatchObject({ to_position: 149 })
      expect(await cursor()).toMatchObject({ delivered: 7, latency_ms_histogram: [5, 2] })
    }
  })

  it('stands where a release knows nothing of it, and the lease is given back', async () => {
    const { lease } = (await take()) as Leased
    await moveCursor(database.kysely, lease, newer, 1_000)
    const older = step({ readPosition: 100, unresolved: [] })
    expect(await releaseCursor(database.kysely, lease, older)).toBe('running')
    expect(await cursor()).toMatchObject({ owner: null, lease_until: null, read_position: 200 })
    expect(await take()).toMatchObject({ readPosition: 200, unresolved: [150] })
  })

  it('changes nothing where it comes after the release', async () => {
    const { lease } = (await take()) as Leased
    await releaseCursor(database.kysely, lease, step())
    expect(await moveCursor(database.kysely, lease, newer, 1_000)).toBe('lost')
    expect(await cursor()).toMatchObject({ owner: null, read_position: 100 })
  })
})

describe('rejected events', () => {
  const answer = { status: 400, response: 'no such product' }
  it('are kept once each, thirty of them', async () => {
    const { lease } = (await take()) as Leased
    const keep = (position: number) =>
      keepRejected(database.kysely, lease, aLoggedEvent({ position }), answer)
    for (let position = 1; position <= 29; position++) expect(await keep(position)).toBe('kept')
    expect(await keep(29)).toBe('kept')
    expect(await keep(30)).toBe('last')
    expect(await keep(31)).toBe('no_room')
    expect(await keep(30)).toBe('last')
    const { rows } = await database.pool.query(`
      select count(*)::integer, min(response) as response from rejected_event`)
    expect(rows[0]).toEqual({ count: 30, response: 'no such product' })
  })

  it('are thirty also if two runs keep the last one at the same time', async () => {
    const { lease } = (await take()) as Leased
    const keep = (db: Db, position: number) =>
      keepRejected(db, lease, aLoggedEvent({ position }), answer)
    for (let position = 1; position <= 29; position++) await keep(database.kysely, position)
    const second = database.kysely.transaction().execute(async (trx) => {
      expect(await keep(trx, 30)).toBe('last')
      const first = keep(database.kysely, 31)
      await until('the first one waits', async () => {
        const { rows } = await database.admin.pool.query(`
          select from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`)
        return rows.length === 1
      })
      return { first }
    })
    expect(await (await second).first).toBe('no_room')
  })
})

// The batcher on a real Postgres: group commit, bisection, a bounded queue, and an outcome that is
// not known.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { createPipe } from '../../src/db/pipe.ts'
import { type Database, openDatabase } from '../../src/db/pool.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createPublisher } from '../../src/log/batch.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
let appending: Database
beforeAll(() => {
  const logger = createLogger('silent')
  appending = openDatabase(database.url, { durability: 'durable', max: 4, pipeline: true, logger })
})
afterAll(() => appending.close())

function publisher() {
  const batches: number[] = []
  const woken: string[] = []
  const pipe = createPipe(appending.pool)
  const append = (events: NewEvent[]) => {
    batches.push(events.length)
    return appendEvents(pipe, events)
  }
  const onAppended = (tenants: Set<string>) => woken.push(...tenants)
  return { batches, woken, ...createPublisher({ append, onAppended }) }
}

const nested = (depth: number) => Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)

describe('publish', () => {
  it('puts what arrives together into few batches, and wakes each tenant', async () => {
    const { publish, batches, woken } = publisher()
    const events = Array.from({ length: 2_000 }, (_, i) => anEvent({ tenant: `t${i % 2}` }))
    const results = await Promise.all(events.map(publish))
    const positions = results.map(({ position }) => position)
    // Whichever batch an event is in.
    expect(positions).toEqual([...positions].sort((a, b) => a - b))
    expect(batches.length).toBeLessThanOrEqual(6)
    expect(Math.max(...batches)).toBeLessThanOrEqual(limits.batchEvents)
    expect(new Set(woken)).toEqual(new Set(['t0', 't1']))
  })

  it('sends a second batch after the first when as many wait, and no third', async () => {
    const { publish, batches } = publisher()
    const several = (count: number) => Array.from({ length: count }, () => publish(anEvent()))
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query('select next_position()') // Whoever appends waits for it.
      const all = several(30)
      await until('a batch', () => batches.length === 1)
      all.push(...several(29))
      // Had they left, a query of this turn would come back after them.
      await client.query('select 1')
      expect(batches).toEqual([30])
      all.push(...several(1))
      await until('a second one', () => batches.length === 2)
      all.push(...several(60))
      await client.query('select 1')
      expect(batches).toEqual([30, 30])
      await client.query('rollback')
      await Promise.all(all)
      expect(batches).toEqual([30, 30, 60])
    } finally {
      client.release(true) // Whatever has failed, nobody waits for the lock any more.
    }
  })

  it('cuts a batch by bytes', async () => {
    const { publish, batches } = publisher()
    const payload = Buffer.from(JSON.stringify({ big: 'x'.repeat(900_000) }))
    await Promise.all(Array.from({ length: 6 }, () => publish(anEvent({ payload }))))
    expect(Math.max(...batches)).toBeLessThanOrEqual(2)
  })

  it('lets one bad event fail alone', async () => {
    const { publish } = publisher()
    const events = Array.from({ length: 100 }, (_, i) =>
      anEvent({ payload: i === 37 ? nested(100_000) : Buffer.from('{}') }),
    )
    const results = await Promise.allSettled(events.map(publish))
    const failed = results.flatMap((result, i) => (result.status === 'rejected' ? [i] : []))
    expect(failed).toEqual([37])
    await expect(publish(events[37] as NewEvent)).rejects.toMatchObject({
      status: 400,
      details: [{ field: 'payload' }],
    })
  })

  it('lets a bad event cost other tenants one refused batch and no more', async () => {
    const { publish, batches } = publisher()
    const results = await Promise.allSettled(
      Array.from({ length: 400 }, (_, i) => {
        const isBad = i % 4 === 0
        const payload = Buffer.from(isBad ? '[]' : '{}') // No array gets this far by HTTP.
        return publish(anEvent({ tenant: isBad ? 'bad' : `good-${i % 4}`, payload }))
      }),
    )
    results.forEach(({ status }, i) => {
      expect(status).toBe(i % 4 === 0 ? 'rejected' : 'fulfilled')
    })
    // The whole, each of three good tenants, and the bad one halved until each of its is alone.
    const ofTheBad = [100, 50, 25, 13, 7, 4, 2, ...Array(100).fill(1)]
    expect([...batches].sort((a, b) => b - a)).toEqual([400, 100, 100, 100, ...ofTheBad])
    // It goes on apart from others until it has stored as many as a batch has.
    const before = batches.length
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => publish(anEvent({ tenant: i < 4 ? 'bad' : 'good' }))),
    )
    expect(batches.slice(before).sort()).toEqual([1, 1, 2, 4])
  })

  it('takes from each tenant in turn', async () => {
    const { publish, batches } = publisher()
    const done: string[] = []
    const several = (tenant: string, count: number) =>
      Array.from({ length: count }, () =>
        publish(anEvent({ tenant })).then(() => done.push(tenant)),
      )
    await Promise.all([...several('large', 3_000), ...several('small', 10)])
    expect(batches[0]).toBe(limits.batchEvents)
    expect(done.lastIndexOf('small')).toBeLessThan(limits.batchEvents)
  })

  it('sends a large event by itself while others wait', async () => {
    const { publish, batches } = publisher()
    const payload = Buffer.from(JSON.stringify({ big: 'x'.repeat(2 * limits.apartBytes) }))
    const done: string[] = []
    const one = (tenant: string, changes: Partial<NewEvent> = {}) =>
      publish(anEvent({ tenant, ...changes })).then(() => done.push(tenant))
    await Promise.all([
      ...Array.from({ length: 3 }, () => one('large', { payload })),
      ...Array.from({ length: 7 }, () => one('small')),
    ])
    expect(batches).toEqual([1, 7, 2])
    expect(done).toEqual(['large', ...Array(7).fill('small'), 'large', 'large'])
  })

  it('has one batch of large events of a tenant under way while others publish', async () => {
    const { publish, batches } = publisher()
    const payload = Buffer.from(JSON.stringify({ big: 'x'.repeat(2 * limits.apartBytes) }))
    await publish(anEvent({ tenant: 'small' }))
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query('select next_position()')
      const large = () => publish(anEvent({ tenant: 'large', payload }))
      const all = [large()]
      await until('a batch of it', () => batches.length === 2)
      all.push(...Array.from({ length: 40 }, large))
      await client.query('select 1')
      expect(batches).toEqual([1, 1])
      all.push(...Array.from({ length: 30 }, () => publish(anEvent({ tenant: 'small' }))))
      await until('one of the other', () => batches.length === 3)
      expect(batches).toEqual([1, 1, 30])
      await client.query('rollback')
      await Promise.all(all)
    } finally {
      client.release(true)
    }
  })

  it('commits a part of a bulk body together, in order, or not at all', async () => {
    const { publishTogether, batches } = publisher()
    const some = (bad?: number) =>
      Array.from({ length: 300 }, (_, i) =>
        anEvent({ tenant: 'part', payload: Buffer.from(i === bad ? '[]' : '{}') }),
      )
    const positions = (await publishTogether(some())).map(({ position }) => position)
    expect(positions).toEqual([...positions].sort((a, b) => a - b))
    await expect(publishTogether(some(299))).rejects.toMatchObject({ code: 'invalid_request' })
    const { rows } = await database.pool.query(
      `select count(*)::integer as count from event where tenant = 'part'`,
    )
    expect({ count: rows[0].count, batches }).toEqual({ count: 300, batches: [300, 300] })
  })

  it('lets others publish beside bulk bodies, in small parts', async () => {
    const { publish, publishTogether, mostTogether, batches } = publisher()
    expect(mostTogether('bulk').events).toBe(limits.batchEvents)
    await publish(anEvent({ tenant: 'small' }))
    const most = mostTogether('bulk')
    expect(most.events).toBe(limits.bulkEventsBesideOthers)
    const part = () => Array.from({ length: most.events }, () => anEvent({ tenant: 'bulk' }))
    const done: string[] = []
    await Promise.all([
      ...[1, 2].map(() => publishTogether(part()).then(() => done.push('bulk'))),
      publish(anEvent({ tenant: 'bulk' })).then(() => done.push('single')),
      publish(anEvent({ tenant: 'small' })).then(() => done.push('small')),
    ])
    expect(batches).toEqual([1, most.events, 2, most.events])
    expect(done).toEqual(['bulk', 'single', 'small', 'bulk'])
  })

  it('gives the room in a full queue to the tenant that has less of it', async () => {
    const { publish } = publisher()
    const blocker = await database.pool.connect()
    try {
      await blocker.query('begin')
      await blocker.query('select next_position()')
      const flood = Array.from({ length: limits.queueEvents + 2 * limits.batchEvents + 1 }, () =>
        publish(anEvent({ tenant: 'flood' })),
      )
      const settled = Promise.allSettled(flood)
      await until('a batch waits for the lane', async () => {
        const waiting = await database.pool.query(
          `select from pg_stat_activity
           where wait_event = 'advisory' and datname = current_database()`,
        )
        return waiting.rows.length > 0
      })
      const others = Array.from({ length: 100 }, () => publish(anEvent({ tenant: 'other' })))
      await blocker.query('rollback')
      expect((await Promise.all(others)).every(({ outcome }) => outcome === 'appended')).toBe(true)
      const refused = (await settled).filter(({ status }) => status === 'rejected')
      expect(refused.length).toBeGreaterThan(0)
      for (const result of refused) expect(result).toMatchObject({ reason: { code: 'overloaded' } })
    } finally {
      blocker.release(true)
    }
  })

  it('refuses what does not fit into the queue, and stores what did', async () => {
    const { publish } = publisher()
    const blocker = await database.pool.connect()
    await blocker.query('begin')
    await blocker.query('select next_position()')
    const accepted = Array.from({ length: limits.queueEvents }, () => publish(anEvent()))
    await until('the first batch waits for the lane', async () => {
      const waiting = await database.pool.query(
        `select from pg_stat_activity
           where wait_event = 'advisory' and datname = current_database()`,
      )
      return waiting.rows.length > 0
    })
    const more = Array.from({ length: 2 * limits.batchEvents + 1 }, () => publish(anEvent()))
    const settled = Promise.allSettled(more)
    await blocker.query('rollback')
    blocker.release()
    const refused = (await settled).filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const result of refused) {
      expect(result).toMatchObject({ reason: { code: 'overloaded', retryAfterSeconds: 1 } })
    }
    await Promise.all(accepted)
  })

  it('tries again where the connection is lost, and appends once', async () => {
    const { publish } = publisher()
    const events = Array.from({ length: 400 }, () => anEvent({ tenant: 'cut' }))
    const all = Promise.all(events.map(publish))
    await database.admin.pool.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`)
    const results = await all
    expect(new Set(results.map(({ position }) => position)).size).toBe(400)
    // The pool may yet hold a connection of its own that was ended, too.
    const text = `select count(*)::integer from event where tenant = 'cut'`
    const { rows } = await until('an answer', () =>
      database.pool.query(text).catch(() => undefined),
    )
    expect(rows[0].count).toBe(400)
  })
})

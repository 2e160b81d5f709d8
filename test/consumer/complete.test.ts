// How the end of a replay and the removal of its rejected events meet: one of them sees what the
// other did, in whatever order they come. And what is left of it when the retention is over.

import { describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { changeConsumer, registerConsumer, startConsumer } from '../../src/consumer/change.ts'
import { findEnded } from '../../src/consumer/ended.ts'
import { takeLease } from '../../src/delivery/cursor.ts'
import { keepRejected } from '../../src/delivery/rejected.ts'
import { completeReplay } from '../../src/delivery/replay-end.ts'
import { releaseCursor } from '../../src/delivery/step.ts'
import type { Destination } from '../../src/destination/destination.ts'
import { deleteRejected, listRejected, retryRejected } from '../../src/history/rejected/rejected.ts'
import { appendEvents } from '../../src/log/append.ts'
import { retireRejected } from '../../src/maintenance/rejected.ts'
import { completeWaiting } from '../../src/maintenance/waiting.ts'
import { useDatabase } from '../helpers/database.ts'
import { aLoggedEvent, anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const who = { actor: 'ada', reason: 'A test.' }
const owner = '00000000-0000-4000-8000-000000000001'
const answer = { status: 400, response: 'No.' }
/** A retention that everything is past that ended before tomorrow. */
const TOMORROW = -1
const taking = {
  send: (_, settled) => settled({ kind: 'delivered', status: 200 }),
} as Destination

/** A replay at its end, which keeps `count` rejected events and is about to complete. */
async function arrived(tenant: string, count: number) {
  const job = { tenant, consumer: 'erp', run: 1 }
  const log = await appendEvents(
    database.pool,
    Array.from({ length: count }, () => anEvent({ tenant })),
  )
  const positions = log.map((one) => one?.position as number)
  const document = {
    integration_type: 'temporary',
    callback_parameters: { callback_url: 'http://a.example' },
  }
  const stopPosition = positions.at(-1) ?? 1
  const range = { startsAfter: 0, stopPosition }
  await registerConsumer(database.kysely, tenant, 'erp', {
    kind: 'integration',
    ...who,
    ...range,
    document,
    most: 10,
  })
  const leased = await takeLease(database.kysely, job, owner, 60_000)
  if (!leased) throw new Error('No lease.')
  const { lease } = leased
  const keep = (position: number) =>
    keepRejected(database.kysely, lease, aLoggedEvent({ position }), answer)
  const release = () =>
    releaseCursor(database.kysely, lease, {
      readPosition: stopPosition,
      unresolved: [],
      attempts: 0,
      version: 1,
      totals: { delivered: 0, rejected: count, filtered: 0, latencyHistogram: [] },
    })
  const ids = async () => (await listRejected(database.kysely, tenant, 'erp')).map(({ id }) => id)
  return {
    job,
    lease,
    positions,
    keep,
    release,
    ids,
    complete: () => completeReplay(database.kysely, job),
    remove: async () =>
      deleteRejected(database.kysely, tenant, 'erp', { ids: await ids(), actor: 'ada' }),
    async retry() {
      const events = await listRejected(database.kysely, tenant, 'erp')
      for (const event of events) {
        await retryRejected(database.kysely, tenant, 'erp', {
          event,
          destination: taking,
          actor: 'ada',
        })
      }
    },
    async state() {
      const { rows } = await database.pool.query(
        `select status from consumer where tenant = $1 and id = 'erp'`,
        [tenant],
      )
      return rows[0]?.status ?? 'gone'
    },
    async actions() {
      const { rows } = await database.pool.query(
        'select action from config_log where tenant = $1 order by position',
        [tenant],
      )
      return rows.map(({ action }) => action)
    },
  }
}

/** Holds the consumer's row while both wait for it, so that they come in this very order. */
async function inOrder(
  tenant: string,
  first: () => Promise<unknown>,
  second: () => Promise<unknown>,
) {
  const holder = await database.admin.pool.connect()
  try {
    await holder.query('begin')
    await holder.query('select from consumer where tenant = $1 for update', [tenant])
    const one = first()
    await waiting(1)
    const two = second()
    await waiting(2)
    await holder.query('commit')
    await Promise.all([one, two])
  } finally {
    holder.release()
  }
}

/** Asked outside of the holder's transaction, which would see the first answer again. */
const waiting = (count: number) =>
  until(`${count} wait`, async () => {
    const { rows } = await database.admin.pool.query(`
      select count(*)::integer as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`)
    return rows[0].count === count
  })

describe('the end of a replay', () => {
  it.each(['remove', 'retry'] as const)('comes before the last event goes by %s', async (how) => {
    const replay = await arrived(`end-${how}`, 1)
    await replay.keep(replay.positions[0] as number)
    await replay.release()
    await inOrder(`end-${how}`, replay.complete, replay[how])
    expect(await replay.state()).toBe('gone')
    expect((await replay.actions()).at(-1)).toBe('integration_completed')
    expect(await replay.actions()).toContain('integration_stopped')
  })

  it.each(['remove', 'retry'] as const)('comes after the last event goes by %s', async (how) => {
    const replay = await arrived(`${how}-end`, 1)
    await replay.keep(replay.positions[0] as number)
    await replay.release()
    await inOrder(`${how}-end`, replay[how], replay.complete)
    expect(await replay.state()).toBe('gone')
    expect((await replay.actions()).at(-1)).toBe('integration_completed')
    expect(await replay.actions()).not.toContain('integration_stopped')
  })

  it('sees an event that is being kept just then', async () => {
    const replay = await arrived('keeping', 1)
    // As a zombie of the run would: its lease is not given back.
    const holder = await database.admin.pool.connect()
    await holder.query('begin')
    await holder.query(`select from cursor where tenant = 'keeping' for key share`)
    await replay.release()
    const completing = replay.complete()
    await waiting(1)
    await holder.query(
      `insert into rejected_event (
         tenant, consumer, run, event_position, name, entity_id, idempotency_key, payload, status,
         response
       ) values ('keeping', 'erp', 1, $1, 'order.created', 'o', 'k', '{}', 400, 'No.')`,
      [replay.positions[0]],
    )
    await holder.query('commit')
    holder.release()
    expect(await completing).toBe(false)
    expect(await replay.state()).toBe('stopped')
    expect(await replay.keep(replay.positions[0] as number)).toBe('lost')
    await replay.remove()
    expect(await replay.state()).toBe('gone')
  })

  it('is the work of one, however many take the last events away', async () => {
    for (let round = 0; round < 10; round++) {
      const replay = await arrived(`many-${round}`, 4)
      for (const position of replay.positions) await replay.keep(position)
      await replay.release()
      const ids = await replay.ids()
      const one = (id: string) =>
        deleteRejected(database.kysely, `many-${round}`, 'erp', { ids: [id], actor: 'ada' })
      await Promise.all([replay.complete(), ...ids.map(one), replay.retry(), replay.complete()])
      expect(await replay.state()).toBe('gone')
      const ends = (await replay.actions()).filter((action) => action === 'integration_completed')
      expect(ends).toHaveLength(1)
    }
  })

  it('does not come while another run of it is under way', async () => {
    const replay = await arrived('two', 1)
    await replay.release()
    await database.pool.query(
      `insert into cursor (tenant, consumer, run, read_position, stop_position)
       values ('two', 'erp', 2, 0, $1)`,
      [replay.positions[0]],
    )
    expect(await replay.complete()).toBe(false)
    await database.pool.query(`update cursor set read_position = stop_position where run = 2`)
    expect(await completeReplay(database.kysely, { ...replay.job, run: 2 })).toBe(true)
    expect(await replay.state()).toBe('running')
    expect(await replay.complete()).toBe(true)
    expect((await replay.actions()).slice(1)).toEqual(['replay_completed', 'integration_completed'])
  })

  it('comes by itself where the last event went behind its back, and never before', async () => {
    const replay = await arrived('missed', 1)
    await replay.keep(replay.positions[0] as number)
    await replay.release()
    await replay.complete()
    // One that somebody has stopped stays stopped.
    const byHand = await arrived('by-hand', 1)
    await byHand.release()
    await changeConsumer(database.kysely, 'by-hand', 'erp', { ...who, command: 'stop' })
    // One that the program has stopped before its end.
    const early = await arrived('early', 1)
    await changeConsumer(database.kysely, 'early', 'erp', {
      command: 'stop',
      ...who,
      actor: 'millrace',
    })
    expect(await completeWaiting(database.pool)).toBe(0)
    // As a process of before removes it.
    await database.pool.query(`delete from rejected_event where tenant = 'missed'`)
    expect(await completeWaiting(database.pool)).toBe(1)
    expect(await replay.state()).toBe('gone')
    expect((await replay.actions()).at(-1)).toBe('integration_completed')
    expect([await byHand.state(), await early.state()]).toEqual(['stopped', 'stopped'])
    expect(await completeWaiting(database.pool)).toBe(0)
  })

  it('is not skipped by a start long after its stop: a replay has dates of its own', async () => {
    const replay = await arrived('late', 1)
    await changeConsumer(database.kysely, 'late', 'erp', { ...who, command: 'stop' })
    const oldestRestart = (Date.now() + 60_000) * 1000
    await startConsumer(database.kysely, 'late', 'erp', { ...who, oldestRestart })
    const { rows } = await database.pool.query(
      `select read_position, reason from cursor join config_log using (tenant)
       where tenant = 'late' order by position desc limit 1`,
    )
    expect(rows).toEqual([{ read_position: 0, reason: who.reason }])
    expect(await replay.complete()).toBe(false)
  })
})

describe('what a deleted integration has kept', () => {
  const rejected = async (tenant: string) =>
    (await database.pool.query('select from rejected_event where tenant = $1', [tenant])).rowCount

  it('stays as long as it is known, and goes with an entry that names it', async () => {
    const replay = await arrived('known', 2)
    for (const position of replay.positions) await replay.keep(position)
    await changeConsumer(database.kysely, 'known', 'erp', { ...who, command: 'remove' })
    const find = (since: number) =>
      findEnded(database.kysely, 'known', { id: 'erp', kind: 'integration', since })
    expect(await find((Date.now() - 60_000) * 1000)).toMatchObject({
      ending: 'deleted',
      document: { integration_type: 'temporary' },
    })
    expect(await find((Date.now() + 60_000) * 1000)).toBeUndefined()
    expect(await retireRejected(database.pool, 1)).toBe(0)
    expect(await rejected('known')).toBe(2)
    expect(await retireRejected(database.pool, TOMORROW)).toBe(2)
    expect(await rejected('known')).toBe(0)
    const { rows } = await database.pool.query(
      `select action, status, version, reason from config_log where tenant = 'known'
       order by position desc limit 1`,
    )
    const named = replay.positions.map((position) => `position ${position}, idempotency key`)
    expect(rows).toMatchObject([
      { action: 'rejected_events_removed', status: 'removed', version: 2 },
    ])
    for (const name of named) expect(rows[0].reason).toContain(name)
  })

  it('is not taken for that of a newer one of its name', async () => {
    const replay = await arrived('newer', 1)
    await replay.keep(replay.positions[0] as number)
    await changeConsumer(database.kysely, 'newer', 'erp', { ...who, command: 'remove' })
    const next = await arrived('newer', 1)
    await next.keep(next.positions[0] as number)
    expect(await retireRejected(database.pool, TOMORROW)).toBe(0)
    expect(await rejected('newer')).toBe(1)
  })
})

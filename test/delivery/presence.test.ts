// The presence of a worker: a lease whose owner is gone is free at once, for every kind of lease;
// one whose owner is still connected is waited for, whatever the owner does.

import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import { STOP_WAIT_MS, stopAndWait } from '../../src/consumer/stop.ts'
import { isGone, keepPresence, nameOf, type Presence, type Session } from '../../src/db/presence.ts'
import { type Leased, renewLease, takeLease } from '../../src/delivery/cursor.ts'
import { wakeIfBehind } from '../../src/delivery/wake.ts'
import { createLogger } from '../../src/logger.ts'
import { takeJob } from '../../src/notification/run/lease.ts'
import { wakeDueJobs } from '../../src/notification/run/wake.ts'
import { useDatabase } from '../helpers/database.ts'
import { startWire } from '../helpers/wire.ts'

const database = useDatabase()
const job = { tenant: 'dodici', consumer: 'erp', run: 0 }
const who = { actor: 'test', reason: 'A test.' }
const LONG_MS = 300_000
const present = () => keepPresence(database.url, createLogger('silent'))
const ownerOf = (presence: Presence) => (presence.session() as Session).owner
const take = (owner: string) => takeLease(database.kysely, job, owner, LONG_MS)

async function isOwnerGone(owner: string): Promise<boolean> {
  const { rows } = await database.pool.query(`select ${isGone('$1::uuid')} as gone`, [owner])
  return rows[0].gone
}

/** Ends the session of a presence, as an operator or a failover does. */
async function terminate(owner: string): Promise<void> {
  const { rows } = await database.admin.pool.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
    [nameOf(owner)],
  )
  expect(rows).toHaveLength(1)
}

/** How a wake-up reaches the consumer: by NOTIFY or by a job. */
async function wake(): Promise<{ notified: number; queued: number }> {
  const { rows } = await database.pool.query(wakeIfBehind, ['dodici', 'erp'])
  return rows[0]
}

beforeEach(async () => {
  await changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'remove' })
  const document = {
    integration_type: 'permanent' as const,
    callback_parameters: { callback_url: 'http://a.example' },
  }
  await registerConsumer(database.kysely, 'dodici', 'erp', {
    kind: 'integration',
    ...who,
    document,
    most: 10,
  })
  await database.pool.query(`update cursor set unresolved = '{1}'`)
})

describe('a presence', () => {
  it('is there from its start to its end', async () => {
    const presence = await present()
    const owner = ownerOf(presence)
    expect(await isOwnerGone(owner)).toBe(false)
    await presence.close()
    expect(presence.session()).toBeUndefined()
    await until('it is gone', () => isOwnerGone(owner))
  })

  it('is never missed in an owner that holds none: a program of an older version', async () => {
    expect(await isOwnerGone(randomUUID())).toBe(false)
  })

  it('that is lost is noticed at once, and regained; its leases are used no more', async () => {
    const presence = await present()
    const sessions = [presence.session()]
    presence.onChange(() => sessions.push(presence.session()))
    await terminate(ownerOf(presence))
    await until('it is regained', () => sessions.length === 3)
    const [before, between, after] = sessions
    expect(between).toBeUndefined()
    expect(before?.isPresent()).toBe(false)
    expect(after?.isPresent()).toBe(true)
    expect(after?.owner).toBe(before?.owner)
    expect(await isOwnerGone(ownerOf(presence))).toBe(false)
    await presence.close()
  })

  it('takes its own place where the server still believes in the last session', async () => {
    const wire = await startWire(database.url)
    const presence = await keepPresence(wire.url, createLogger('silent'))
    const changes: boolean[] = []
    presence.onChange(() => changes.push(presence.session() !== undefined))
    wire.halfOpen()
    await until('it is regained', () => changes.length === 2)
    expect(changes).toEqual([false, true])
    await presence.close()
    await wire.close()
  })

  it('outlives the settings of a role that end idle sessions', async () => {
    const { rows } = await database.pool.query('select current_user, current_database()')
    const [{ current_user: role, current_database: name }] = rows
    const setting = `alter role ${role} in database ${name}`
    // Longer than a client pauses between its connection and its first statement.
    await database.admin.pool.query(`${setting} set idle_session_timeout = '1s'`)
    const presence = await present()
    const session = presence.session()
    let hasEnded = false
    const other = new pg.Client({ connectionString: database.url })
    other.on('error', () => {
      hasEnded = true
    })
    await other.connect()
    await until('a session that was idle later has been ended', () => hasEnded)
    await database.admin.pool.query(`${setting} reset idle_session_timeout`)
    expect(presence.session()).toBe(session)
    await presence.close()
  })
})

describe('the lease of a cursor', () => {
  it('is another’s as soon as its owner is gone, not before', async () => {
    const [first, second] = await Promise.all([present(), present()])
    const held = (await take(ownerOf(first))) as Leased
    expect(await take(ownerOf(second))).toBeUndefined()
    await first.close()
    const taken = await until('it is free', () => take(ownerOf(second)))
    expect(taken.lease.epoch).toBe(held.lease.epoch + 1)
    expect(await renewLease(database.kysely, held.lease, LONG_MS)).toBe('lost')
    expect(await take(ownerOf(second))).toBeUndefined()
    await second.close()
  })

  it('has one new holder, however many ask when its owner is gone', async () => {
    const [first, second] = await Promise.all([present(), present()])
    await take(ownerOf(first))
    const owner = ownerOf(first)
    await first.close()
    await until('it is gone', () => isOwnerGone(owner))
    const leases = await Promise.all(Array.from({ length: 12 }, () => take(ownerOf(second))))
    expect(leases.filter(Boolean)).toHaveLength(1)
    await second.close()
  })

  it('holds a stop up until it is released, also when a clock that jumped says it is over', async () => {
    const presence = await present()
    await take(ownerOf(presence))
    await database.pool.query(`update cursor set lease_until = now() - interval '3 days'`)
    let looks = 0
    const watched = database.kysely.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        looks++
        return result
      },
    })
    let isStopped = false
    const stopping = stopAndWait(watched, 'dodici', 'erp', { ...who, requestHalt() {} })
    const stopped = stopping.then(() => {
      isStopped = true
    })
    await until('it has looked again and again', () => looks > 4)
    expect(isStopped).toBe(false)
    await database.pool.query('update cursor set owner = null, lease_until = null')
    await stopped
    await presence.close()
  })

  it('holds no stop up whose owner is gone', async () => {
    const presence = await present()
    const owner = ownerOf(presence)
    await take(owner)
    await presence.close()
    await until('it is gone', () => isOwnerGone(owner))
    const started = performance.now()
    await stopAndWait(database.kysely, 'dodici', 'erp', { ...who, requestHalt() {} })
    expect(performance.now() - started).toBeLessThan(STOP_WAIT_MS)
  })

  it('is woken by NOTIFY while its owner is there, and by a job when it is gone', async () => {
    const presence = await present()
    const owner = ownerOf(presence)
    await take(owner)
    expect(await wake()).toEqual({ notified: 1, queued: 0 })
    await presence.close()
    await until('it is gone', () => isOwnerGone(owner))
    expect(await wake()).toEqual({ notified: 0, queued: 1 })
  })
})

describe('the lease of a notification job', () => {
  it('is another’s as soon as its owner is gone, not before', async () => {
    await database.pool.query(`
      insert into notification_job (
        tenant, id, version, document, created_position, changed_position, through_position,
        next_run_at
      )
      values ('dodici', 'daily', 1, '{"notification": "PRICE_DROP"}', 0, 0, 0, now())`)
    const daily = { tenant: 'dodici', jobId: 'daily' }
    const [first, second] = await Promise.all([present(), present()])
    const takeDaily = (presence: Presence) =>
      takeJob(database.kysely, daily, ownerOf(presence), LONG_MS)
    expect(await takeDaily(first)).toBeDefined()
    expect(await takeDaily(second)).toBeUndefined()
    expect(await wakeDueJobs(database.kysely)).toBe(0)
    await first.close()
    await until('it is woken', async () => (await wakeDueJobs(database.kysely)) === 1)
    expect(await takeDaily(second)).toBeDefined()
    await second.close()
  })
})

// The lane is taken last: whoever changes a configuration waits for its rows without it, so that no
// publisher waits along. And nobody takes rows in another order than a worker's lease does.

import type pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import { takeLease } from '../../src/delivery/cursor.ts'
import { completeReplay } from '../../src/delivery/replay-end.ts'
import { appendEvents } from '../../src/log/append.ts'
import { changeJob, createJob } from '../../src/notification/change.ts'
import { documentOf } from '../../src/notification/job.ts'
import { changeSender } from '../../src/notification/sender/sender.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const who = { actor: 'ada', reason: 'A test.' }
const tenant = 'dodici'
const job = { tenant, consumer: 'erp', run: 0 }
const document = { callback_parameters: { callback_url: 'http://a.example' } }
const schedule = { notification: 'PRICE_DROP' as const, schedule: '0 9 * * *', template_id: 't' }
const sender = { api_key: 'k', from_email: 'a@b.example' }
const register = (id: string, stopPosition?: number) =>
  registerConsumer(database.kysely, tenant, id, {
    kind: 'integration',
    ...who,
    document,
    most: 100,
    ...(stopPosition && { startsAfter: 0, stopPosition }),
  })
const stop = () => changeConsumer(database.kysely, tenant, 'erp', { ...who, command: 'stop' })
const complete = () => completeReplay(database.kysely, job)

afterEach(() =>
  database.pool.query(`
    delete from consumer; delete from cursor; delete from rejected_event;
    delete from notification_job; delete from notification_sender`),
)

/** Runs `then` in the midst of a transaction that holds what `lock` takes. */
async function holding<T>(lock: string, then: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect()
  try {
    await client.query(`begin; ${lock}`)
    return await then(client)
  } finally {
    await client.query('rollback')
    client.release()
  }
}

const isWaited = async () => {
  const { rows } = await database.pool.query(`
    select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`)
  return rows.length > 0
}

const CONSUMER = 'select from consumer for share'
const CURSOR = 'select from cursor for update'
const prepared = {
  erp: () => register('erp'),
  replay: () => register('erp', 1),
  rejected: () =>
    database.pool.query(`
      insert into rejected_event (
        tenant, consumer, event_position, name, entity_id, idempotency_key, payload, status,
        response
      ) values ('dodici', 'erp', 1, 'order.created', 'o', 'k', '{}', 400, '')`),
  job: () =>
    createJob(database.kysely, tenant, 'drops', {
      ...who,
      now: Date.now(),
      document: documentOf(schedule),
    }),
  sender: () => changeSender(database.kysely, tenant, sender as never, who),
}
const pause = (one: ReturnType<typeof documentOf>) => ({
  document: { ...one, is_active: false },
  action: 'job_changed',
})
const changes: [string, keyof typeof prepared, string, () => Promise<unknown>][] = [
  ['a stop that waits for a lease being taken', 'erp', CONSUMER, stop],
  ['a stop that waits for a step of the cursor', 'erp', CURSOR, stop],
  ['the end of a replay that waits for a lease being taken', 'replay', CONSUMER, complete],
  ['the end of a replay that waits for a step', 'replay', CURSOR, complete],
  [
    'a registration that waits for what its name left behind',
    ...(['rejected', 'select from rejected_event for update'] as const),
    () => register('erp'),
  ],
  [
    'a change of a job that waits for the beginning of a run',
    ...(['job', 'select from notification_job for update'] as const),
    () => changeJob(database.kysely, tenant, 'drops', { ...who, now: Date.now(), decide: pause }),
  ],
  [
    'a change of a sender that waits for another',
    ...(['sender', 'select from notification_sender for update'] as const),
    () => changeSender(database.kysely, tenant, null, who),
  ],
]

describe('publishers do not wait for', () => {
  it.each(changes)('%s', async (_, prepare, lock, change) => {
    await prepared[prepare]()
    let isOver = false
    const changed = holding(lock, async () => {
      const changing = change().finally(() => {
        isOver = true
      })
      changing.catch(() => {}) // awaited below
      await until('the change waits', isWaited)
      const [appended] = await appendEvents(database.pool, [anEvent({ tenant: 'other' })])
      expect(appended?.outcome).toBe('appended')
      expect(isOver).toBe(false)
      return { changing }
    })
    expect(await (await changed).changing).toBeTruthy()
  })
})

describe('a lease and the end of a replay', () => {
  it('take their rows in one order: neither is the victim of a deadlock', async () => {
    await register('erp', 1)
    const ending = await holding(CONSUMER, async (client) => {
      const ended = complete()
      ended.catch(() => {}) // awaited below
      await until('the end waits', isWaited)
      const { rowCount } = await client.query('update cursor set attempts = 0')
      expect(rowCount).toBe(1)
      return { ended }
    })
    expect(await ending.ended).toBe(true)
  })

  it('of a sender that is not there yet follow each other before the lane', async () => {
    const first = await database.pool.connect()
    await first.query('begin')
    await first.query(`select change_notification_sender('dodici', '{}', 'ada', 'A test.')`)
    const second = changeSender(database.kysely, tenant, sender, who)
    await until('the second waits', isWaited)
    const waits = await database.pool.query(`
      select from pg_locks
      where locktype = 'advisory' and not granted and classid = 1296651858
        and database = (select oid from pg_database where datname = current_database())`)
    expect(waits.rowCount).toBe(0)
    await first.query('commit')
    first.release()
    expect(await second).toBe(true)
  })

  it('may race', async () => {
    // Of events that are still to come, so that none of the ends ends it.
    await register('erp', Date.now() * 1000 + 3_600_000_000)
    const rounds = Array.from({ length: 100 }, (_, i) => i)
    const ends = await Promise.all(
      rounds.flatMap((i) => [
        complete(),
        takeLease(database.kysely, job, `00000000-0000-4000-8000-${i}`.padEnd(36, '0'), 1),
        stop(),
      ]),
    )
    expect(ends.filter((end) => end === true)).toEqual([])
  })
})

// Retention: old days go, young ones stay, publishing goes on, and nothing goes that a running
// integration has yet to read.

import { beforeAll, describe, expect, it } from 'vitest'
import { registerConsumer } from '../../src/consumer/change.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createPublisher } from '../../src/log/batch.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import { retirePartitions } from '../../src/maintenance/retention.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const who = { actor: 'test', reason: 'A test.' }
const document = {
  integration_type: 'permanent' as const,
  callback_parameters: { callback_url: 'http://a.example' },
}

/** Said once, so that midnight may pass during the test. */
const today = `date '${new Date().toISOString().slice(0, 10)}'`

/** Lays events into the log of 40 and of 20 days ago. */
beforeAll(async () => {
  for (const days of [40, 20]) {
    await database.admin.pool.query(`
      select create_partition('event', ${today} - ${days}, 1);
      insert into event
      select 'dodici', position_of((${today} - ${days})::timestamp at time zone 'UTC') + i,
        'order.created', 'o', 'k' || i, 't', 's', '{}', 2, '{}'
      from generate_series(1, 50) as i`)
  }
})

/** How many days old the published events are that are there. */
const ages = async () => {
  const { rows } = await database.pool.query(`
    select distinct greatest(0, ${today} - (time_of(position) at time zone 'UTC')::date) as age
    from event where name not like 'millrace.%' order by age desc`)
  return rows.map(({ age }) => age)
}

describe('retirePartitions', () => {
  const notes = async () => {
    const { rows } = await database.pool.query(`
      select action, reason from config_log where action like 'events_%' order by position`)
    return rows
  }

  it('tells an integration what it will lose, a day ahead, once', async () => {
    const startsAfter = (Date.now() - 41 * 86_400_000) * 1000
    const options = { ...who, kind: 'integration', document, startsAfter, most: 10 } as const
    await registerConsumer(database.kysely, 'dodici', 'behind', options)
    for (let run = 0; run < 2; run++) expect(await retirePartitions(database.pool, 40)).toEqual([])
    expect(await ages()).toEqual([40, 20])
    expect(await notes()).toEqual([
      { action: 'events_expiring', reason: expect.stringMatching(/^50 event\(s\) not yet sent/) },
    ])
  })

  it('drops the days before the retention, tells what was lost, and blocks nobody', async () => {
    const publisher = createPublisher({
      append: (events) => appendEvents(database.pool, events),
      onAppended: () => {},
    })
    const publishing = Promise.all(Array.from({ length: 20 }, () => publisher.publish(anEvent())))
    const [first, second] = await Promise.all([
      retirePartitions(database.pool, 30),
      retirePartitions(database.pool, 30),
    ])
    await publishing
    expect([...first, ...second]).toEqual([expect.stringMatching(/^event_\d{8}$/)])
    expect(await ages()).toEqual([20, 0])
    expect((await notes()).at(-1)).toEqual({
      action: 'events_expired',
      reason: expect.stringMatching(/^50 event.* were removed: they are older than the retention/),
    })
  })

  it('goes on where a detach was interrupted', async () => {
    const name = (
      await database.pool.query(`select 'event_' || to_char(${today} - 20, 'YYYYMMDD') as name`)
    ).rows[0].name
    await database.admin.pool.query(
      `update pg_inherits set inhdetachpending = true where inhrelid = $1::text::regclass`,
      [name],
    )
    expect(await retirePartitions(database.pool, 10)).toEqual([name])
    expect(await ages()).toEqual([0])
  })
})

describe('partitions of keys', () => {
  it('go when the last of their days does, and those with younger days stay', async () => {
    const make = async (age: number) => {
      const { rows } = await database.pool.query(`
        with first as (
          select date '1970-01-01' + (${today} - ${age} - date '1970-01-01') / 30 * 30 as day
        )
        select create_partition('event_key', day, 30),
          'event_key_' || to_char(day, 'YYYYMMDD') as name
        from first`)
      return rows[0].name
    }
    const [old, young] = [await make(100), await make(60)]
    const dropped = await retirePartitions(database.pool, 60)
    expect(dropped).toContain(old)
    expect(dropped).not.toContain(young)
  })
})

describe('createPartitions', () => {
  it('makes what is missing, once, however many call it', async () => {
    await database.admin.pool.query(`
      do $$ begin
        execute format(
          'drop table %I',
          'event_' || to_char(now() at time zone 'UTC' + '3 days', 'YYYYMMDD')
        );
      end $$`)
    const made = await Promise.all([
      createPartitions(database.pool),
      createPartitions(database.pool),
      createPartitions(database.pool),
    ])
    expect(made.filter((count) => count > 0)).toHaveLength(1)
  })
})

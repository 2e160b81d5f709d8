// A clock of the database that is ahead: publishing fails closed beyond the bound, with a reason,
// and recovers when the clock does; within it, order holds when the clock is set back.

import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createPublisher } from '../../src/log/batch.ts'
import { readLogEnd } from '../../src/log/read.ts'
import { shadowClock } from '../helpers/clock.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const publisher = createPublisher({
  append: (events) => appendEvents(database.pool, events),
  onAppended: () => {},
})
const who = { actor: 'ada', reason: 'A test.' }
const document = { integration_type: 'permanent' }
let setClock: (offset: string) => Promise<void>

beforeAll(async () => {
  setClock = await shadowClock(database.adminUrl)
})
beforeEach(() => setClock('0'))

describe("a database's clock", () => {
  it.each(['61 s', '3 days', '60 days'])('of %s ahead is refused', async (offset) => {
    await publisher.publish(anEvent())
    const end = await readLogEnd(database.kysely)
    await setClock(offset)
    const event = anEvent()
    await expect(publisher.publish(event)).rejects.toMatchObject({
      code: 'unavailable',
      status: 503,
      retryAfterSeconds: 10,
      message: expect.stringMatching(/^The database's clock is \d+ s ahead of the service's/),
    })
    expect(await readLogEnd(database.kysely)).toBe(end)
    await setClock('0')
    const appended = await publisher.publish(event)
    expect(appended.outcome).toBe('appended')
    expect(appended.position).toBeLessThan((Date.now() + 1_000) * 1000)
  })

  it('of 3 days ahead is refused for changes of configuration, too', async () => {
    const register = (id: string) =>
      registerConsumer(database.kysely, 'dodici', id, {
        kind: 'integration',
        ...who,
        document,
        most: 10,
      })
    await register('erp')
    const end = await readLogEnd(database.kysely)
    await setClock('3 days')
    await expect(register('late')).rejects.toMatchObject({ code: 'MR004' })
    const stop = changeConsumer(database.kysely, 'dodici', 'erp', { ...who, command: 'stop' })
    await expect(stop).rejects.toMatchObject({ code: 'MR004' })
    expect(await readLogEnd(database.kysely)).toBe(end)
  })

  it('that is set back keeps the order, though the log is ahead of every clock', async () => {
    await setClock('30 s')
    const ahead = await publisher.publish(anEvent())
    expect(ahead.position).toBeGreaterThan((Date.now() + 29_000) * 1000)
    await setClock('0')
    expect(await publisher.publish(anEvent())).toEqual({
      outcome: 'appended',
      position: ahead.position + 1,
    })
  })

  it('bounds no process of the version before, and no SQL', async () => {
    await setClock('2 hours')
    const { rows } = await database.pool.query(`
      select outcome from append_events(
        '{dodici}', '{order.created}', '{o}', '{old}', '{t}', '{s}', '{"{}"}', '{"{}"}'
      )
      union all
      select 'by SQL' from publish_event('dodici', 'order.created', 'o', 'sql', '{}')`)
    expect(rows).toEqual([{ outcome: 'appended' }, { outcome: 'by SQL' }])
  })
})

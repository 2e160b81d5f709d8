// A clock far ahead finds no partition: publishing fails closed and recovers when the clock does.
// The clock is faked in SQL, in a database of its own: clock_timestamp() is replaced for the
// function that reads it.

import { expect, it } from 'vitest'
import { appendEvents } from '../../src/log/append.ts'
import { createPublisher } from '../../src/log/batch.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()

const setClock = (offset: string) =>
  database.pool.query(`
    create or replace function next_position() returns bigint language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(1296651858, 0);
      return (
        select greatest(last_value + 1, position_of(clock_timestamp() + interval '${offset}'))
        from lane_position
      );
    end $$`)

it('fails closed, and goes on as if nothing had been', async () => {
  const publisher = createPublisher({
    append: (events) => appendEvents(database.pool, events),
    onAppended: () => {},
  })
  await setClock('60 days')
  const event = anEvent()
  await expect(publisher.publish(event)).rejects.toMatchObject({ code: 'unavailable', status: 503 })
  await setClock('0')
  const appended = await publisher.publish(event)
  expect(appended.outcome).toBe('appended')
  expect(appended.position).toBeLessThan((Date.now() + 60_000) * 1000)
})

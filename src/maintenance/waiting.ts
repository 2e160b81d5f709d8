// Replays that were stopped at their end wait for their rejected events, and whoever removes the
// last one completes them (complete_waiting). One that a process of before removed, or a hand in
// the tables, is found here.

import type pg from 'pg'
import { latestPosition } from '../log/position.ts'
import { forEach } from '../repeat.ts'

/** Completes the replays that wait for nothing any more. Returns how many. */
export async function completeWaiting(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ tenant: string; id: string }>(waiting)
  // One at a time: each waits for rows and takes the lane.
  const completed = await forEach(rows, async ({ tenant, id }) => {
    const values = [tenant, id, latestPosition()]
    const result = await pool.query('select complete_waiting($1, $2, $3) as completed', values)
    return result.rows[0].completed as boolean
  })
  return completed.filter(Boolean).length
}

// Stopped by the program and not by somebody, at the end, and alone: what complete_replay asks for,
// so that the lane is taken for what completes and for nothing else. The log and the config log are
// asked by their keys, for each candidate: a join might read all of them.
const waiting = `
  select consumer.tenant, consumer.id
  from consumer
  join cursor on cursor.tenant = consumer.tenant and cursor.consumer = consumer.id
  where consumer.status = 'stopped'
    and consumer.document ->> 'integration_type' = 'temporary'
    and 'millrace' = (
      select actor from config_log
      where config_log.tenant = consumer.tenant
        and config_log.position = coalesce(consumer.stopped_position, consumer.changed_position)
    )
    and cursor.unresolved = '{}'
    and log_has_passed(cursor.stop_position)
    and not exists (
      select from cursor as other
      where other.tenant = cursor.tenant and other.consumer = cursor.consumer
        and other.run <> cursor.run
    )
    and not exists (
      select from rejected_event
      where rejected_event.tenant = consumer.tenant and rejected_event.consumer = consumer.id
    )
    and (
      select min(event.position) from event
      where event.tenant = cursor.tenant and event.position > cursor.read_position
        and event.position <= cursor.stop_position
    ) is null
  order by consumer.tenant, consumer.id`

// Replays that were stopped at their end wait for their rejected events. Removing the last one
// completes the replay (complete_waiting). If an older process or somebody in SQL removed it, this
// finds the replay.

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

// Stopped by the program (not by somebody) at the end, with no other run: the conditions of
// complete_replay, so that only replays that complete take the lane. Both logs are queried by key
// for each candidate, since a join might read all of them.
// Prepared: planning it takes longer than running it.
const waiting = `
  /* prepared: waiting_replays */
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

// Turns new events into turns. It runs after the commit, never in it: NOTIFY takes a server-wide
// lock through the commit (with commits of 2 ms, 64 writers fell from 14,685 to 384
// transactions/s). Wake-ups are coalesced: the first at once, the next at the earliest 20 ms later.
// They only save time: the sweep finds what they miss.

import type pg from 'pg'
import { tasks } from '../db/jobs.ts'
import { channels } from '../db/listen.ts'
import { isGone } from '../db/presence.ts'
import { END_OF_LOG } from '../log/position.ts'
import type { Logger } from '../logger.ts'

const COALESCE_MS = 20

// NOTIFY wakes a consumer that is being advanced; a sleeping one gets a job, and so does one whose
// worker is gone. The job's key is that of jobKey('wake', …) in db/jobs.ts: a waiting job is
// replaced, never doubled. A fixed order prevents deadlocks between two wake-ups. A stopped
// integration with an open last file gets a job, too.
const wake = (scope: string, condition: string) => `
  with due as (
    select
      cursor.tenant, cursor.consumer, cursor.run,
      case
        when cursor.stop_position is null then '${tasks.advance}' else '${tasks.replay}'
      end as task,
      is_held(cursor.lease_until) and not ${isGone('cursor.owner')} as is_advancing
    from cursor
    join consumer on consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
    where ${scope}
      and case
        when consumer.status = 'running'
          then is_due(cursor.retry_at, cursor.retry_set_at) and ${condition}
        else is_held(cursor.close_until)
      end
  ),
  notified as (
    select pg_notify('${channels.wake}', tenant)
    from due
    where is_advancing
    group by tenant
  ),
  sleeping as (
    select
      array_agg((
        task,
        json_build_object('tenant', tenant, 'consumer', consumer, 'run', run),
        null, null, null,
        format('wake:%s/%s/%s', tenant, consumer, run),
        null, null
      )::graphile_worker.job_spec order by tenant, consumer, run) as jobs
    from due
    where not is_advancing
  ),
  -- Not called if nobody sleeps: it would notify every runner of no job.
  queued as (
    select from sleeping, graphile_worker.add_jobs(sleeping.jobs) where sleeping.jobs is not null
  )
  select
    (select count(*)::integer from notified) as notified,
    (select count(*)::integer from queued) as queued`

/** $1: tenants with new events. */
const wakeTenants = wake('cursor.tenant = any($1::text[])', 'true')

const IS_BEHIND = `(
  cursor.unresolved <> '{}'
  or exists (
    select from event
    where event.tenant = cursor.tenant
      and event.position > cursor.read_position
      and event.position <= coalesce(cursor.stop_position, ${END_OF_LOG})
  )
  or log_has_passed(cursor.stop_position)
)`

/** Every consumer that is behind, advanced or not: the sweep. */
export const wakeAllBehind = wake('true', IS_BEHIND)

/**
 * $1 tenant, $2 consumer: one consumer, if it is behind: for a turn that has released its lease.
 */
export const wakeIfBehind = wake('cursor.tenant = $1 and cursor.consumer = $2', IS_BEHIND)

type Waker = { wake(tenant: string): void; halt(tenant: string, consumer: string): void }

/**
 * Wakes consumers through this pool, one statement at a time. Errors are logged: the sweep makes
 * good for them.
 */
export function createWaker(pool: pg.Pool, logger: Logger): Waker {
  const tenants = new Set<string>()
  let busy = false

  return {
    wake(tenant) {
      tenants.add(tenant)
      if (!busy) void flush()
    },
    halt(tenant, consumer) {
      pool
        .query('select pg_notify($1, $2)', [channels.halt, `${tenant}/${consumer}`])
        .catch((error: Error) => logger.warn({ reason: error.message }, 'halt not notified'))
    },
  }

  async function flush(): Promise<void> {
    busy = true
    while (tenants.size > 0) {
      const batch = [...tenants]
      tenants.clear()
      const pause = new Promise((resolve) => setTimeout(resolve, COALESCE_MS))
      await pool
        .query({ name: 'wake_tenants', text: wakeTenants, values: [batch] })
        .catch((error: Error) => logger.warn({ reason: error.message }, 'tenants not woken'))
      await pause
    }
    busy = false
  }
}

// Turns new events into turns. It runs after the commit, never in it: NOTIFY takes a server-wide
// lock through the commit (with commits of 2 ms, 64 writers fell from 14,685 to 384
// transactions/s). Wake-ups are coalesced: the first at once, the next after a pause that grows
// with the load of the database. They only save time: the sweep finds what they miss.

import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { tasks } from '../db/jobs.ts'
import { channels } from '../db/listen.ts'
import { isGone } from '../db/presence.ts'
import { NOBODY_WAITS } from '../log/hub.ts'
import { END_OF_LOG } from '../log/position.ts'
import type { Logger } from '../logger.ts'

/**
 * The pause after a statement, in multiples of its time. It adapts: if the database has little to
 * do, the statement takes about 0.5 ms. With a pause of 20 ms instead, the median from publishing
 * to arrival was 14 ms at 100 events/s to eight webhooks; it is 2 ms now.
 */
const PAUSE_PART = 2
const MOST_PAUSE_MS = 20

/** Which cursors a statement wakes: SQL conditions on `cursor` and `consumer`. */
type Scope = {
  cursors: string
  /** For a running consumer: whether it has something to do. */
  condition: string
  /** For a waiting job: whether it will do the work of this wake-up. */
  isCovered: string
  /** More tenants to notify, beside those of cursors that are being advanced. */
  others?: string
}

// NOTIFY wakes a consumer that is being advanced; a sleeping one gets a job, and so does one whose
// worker is gone. The job's key is that of jobKey('wake', …) in db/jobs.ts: a waiting job stays or
// is replaced, never doubled. A fixed order prevents deadlocks between two wake-ups. A stopped
// integration with an open last file gets a job, too.
const wake = ({ cursors, condition, isCovered, others }: Scope) => `
  with behind as (
    select
      cursor.tenant, cursor.consumer, cursor.run,
      case
        when cursor.stop_position is null then '${tasks.advance}' else '${tasks.replay}'
      end as task,
      format('wake:%s/%s/%s', cursor.tenant, cursor.consumer, cursor.run) as key,
      consumer.status = 'stopped' or is_due(cursor.retry_at, cursor.retry_set_at) as is_due,
      is_held(cursor.lease_until) and not ${isGone('cursor.owner')} as is_advancing
    from cursor
    join consumer on consumer.tenant = cursor.tenant and consumer.id = cursor.consumer
    where ${cursors}
      and case
        when consumer.status = 'running' then ${condition} else is_held(cursor.close_until)
      end
  ),
  due as (
    select * from behind where is_due
  ),
  notified as (
    select pg_notify('${channels.wake}', tenant)
    from (
      select tenant from due where is_advancing
      ${others ? `union ${others}` : 'group by tenant'}
    ) as awake
  ),
  sleeping as (
    select
      array_agg((
        task,
        json_build_object('tenant', tenant, 'consumer', consumer, 'run', run),
        null, null, null, key, null, null
      )::graphile_worker.job_spec order by tenant, consumer, run) as jobs
    from due
    where not is_advancing
      and not exists (
        select from graphile_worker.jobs as job where job.key = due.key and ${isCovered}
      )
  ),
  -- Not called if nobody sleeps: it would notify every runner of no job.
  queued as (
    select from sleeping, graphile_worker.add_jobs(sleeping.jobs) where sleeping.jobs is not null
  )
  select
    (select count(*)::integer from notified) as notified,
    (select count(*)::integer from queued) as queued`

/** A job that no worker has taken yet: it reads the log when it begins. */
const WAITS = `(
  job.locked_at is null and job.attempts < job.max_attempts and job.run_at <= clock_timestamp()
)`

/** $1: tenants with new events. If a process waits for events (log/hub.ts), it hears of all. */
const wakeTenants = wake({
  cursors: 'cursor.tenant = any($1::text[])',
  condition: 'true',
  isCovered: WAITS,
  others: `select tenant from unnest($1::text[]) as tenant where not ${NOBODY_WAITS}`,
})

const IS_BEHIND = `(
  cardinality(cursor.unresolved) > 0
  or exists (
    select from event
    where event.tenant = cursor.tenant
      and event.position > cursor.read_position
      and event.position <= coalesce(cursor.stop_position, ${END_OF_LOG})
  )
  or log_has_passed(cursor.stop_position)
)`

/**
 * $1 tenant, $2 consumer: one consumer, if it is behind: for a turn that has released its lease.
 */
export const wakeIfBehind = wake({
  cursors: 'cursor.tenant = $1 and cursor.consumer = $2',
  condition: IS_BEHIND,
  isCovered: WAITS,
})

/** Why a consumer that has read all its events may still have something to do, or may soon. */
const IS_BUSY = `(
  cursor.lease_until is not null or cursor.retry_at is not null or cursor.close_until is not null
  or cursor.stop_position is not null or cardinality(cursor.unresolved) > 0
)`

/**
 * A job that waits, or that a worker has taken so recently that it may still begin. One that was
 * taken "later than now" is of a worker that died under a clock that was ahead.
 */
const IS_QUEUED = `(${WAITS}
  or job.locked_at between clock_timestamp() - interval '2 seconds' and clock_timestamp()
)`

/** The memory of the last sweep, and what came since. */
type Remembered = {
  /** A position up to which the others had read everything. */
  settled: number
  /** The position at which the log ends now. */
  end: number
  /** Whether the tenants with events or changes in between are known. */
  hasNews: boolean
}

/** $1, $2, $3: the cursors that were behind at the last sweep. */
const WAS_BEHIND = `(cursor.tenant, cursor.consumer, cursor.run) in (
  select * from unnest($1::text[], $2::text[], $3::integer[])
)`

/**
 * The sweep: everything that is behind, advanced or not; it returns these cursors. With a memory it
 * looks only at cursors that are busy, were behind, or are of the tenants $4: those with an event
 * or a changed consumer after `settled`. If these tenants are not known, it looks for events after
 * `settled` for each cursor, in one or two partitions. A restored consumer counts as neither, so
 * `rebuild config` wakes it.
 */
export function sweepStatement(remembered?: Remembered): string {
  return `${wake({ ...sweepScope(remembered), isCovered: IS_QUEUED })},
    array(select tenant from behind) as tenants,
    array(select consumer from behind) as consumers,
    array(select run from behind) as runs`
}

function sweepScope(remembered?: Remembered): Pick<Scope, 'cursors' | 'condition'> {
  if (!remembered) return { cursors: 'true', condition: IS_BEHIND }
  const { settled, end, hasNews } = remembered
  const mayBeBehind = `(${IS_BUSY} or ${WAS_BEHIND})`
  if (hasNews) {
    return { cursors: `(${mayBeBehind} or cursor.tenant = any($4::text[]))`, condition: IS_BEHIND }
  }
  return {
    cursors: 'true',
    condition: `case
      when ${mayBeBehind} or consumer.changed_position > ${settled} then ${IS_BEHIND}
      else exists (
        select from event
        where event.tenant = cursor.tenant
          and event.position > cursor.read_position
          and event.position > ${settled} and event.position <= ${end}
      )
    end`,
  }
}

type Waker = {
  wake(tenant: string): void
  requestHalt(tenant: string, consumer: string): void
  /** Resolves when every wake-up so far has reached the database, or has failed. */
  flushed(): Promise<void>
}

/**
 * Wakes consumers through this pool, one statement at a time. Errors are logged: the sweep makes
 * good for them.
 */
export function createWaker(pool: pg.Pool, logger: Logger): Waker {
  const tenants = new Set<string>()
  let flushing: Promise<void> | undefined

  return {
    wake(tenant) {
      tenants.add(tenant)
      flushing ??= flush()
    },
    flushed: async () => flushing,
    requestHalt(tenant, consumer) {
      pool
        .query('select pg_notify($1, $2)', [channels.halt, `${tenant}/${consumer}`])
        .catch((error: Error) => logger.warn({ reason: error.message }, 'halt not notified'))
    },
  }

  async function flush(): Promise<void> {
    while (tenants.size > 0) {
      const batch = [...tenants]
      tenants.clear()
      const began = performance.now()
      await pool
        .query({ name: 'wake_tenants', text: wakeTenants, values: [batch] })
        .catch((error: Error) => logger.warn({ reason: error.message }, 'tenants not woken'))
      await sleep(Math.min(MOST_PAUSE_MS, (performance.now() - began) * PAUSE_PART))
    }
    flushing = undefined
  }
}

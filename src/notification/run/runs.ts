// The runs of a job in answers, and requests for a run.

import { type RawBuilder, sql } from 'kysely'
import { type Static, Type } from 'typebox'
import { limits } from '../../config.ts'
import type { Db } from '../../db/pool.ts'
import { untilKnown } from '../../db/until-known.ts'
import { nextPage } from '../../input/next-page.ts'
import { Nullable } from '../../input/nullable.ts'
import { timeOf } from '../../log/position.ts'

const DateTime = Type.String({ format: 'date-time' })
const Count = (description: string) => Type.Integer({ description })

export const JobRun = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    state: Type.Enum(['queued', 'running', 'completed', 'failed']),
    cause: Type.Enum(['schedule', 'manual']),
    requested_at: DateTime,
    scheduled_for: Nullable(DateTime),
    started_at: Nullable(DateTime),
    finished_at: Nullable(DateTime),
    duration_ms: Nullable(Type.Integer()),
    next_try_at: Nullable(DateTime),
    found: Count('Notices since the last run, before any was withheld.'),
    sent: Count('Customers whose mail SendGrid accepted.'),
    notices: Count('Items in those mails.'),
    rejected: Count('Customers whose mail SendGrid refused (400).'),
    withheld: Count('Customers without consent or address, or whose items were gone again.'),
    capped: Count(
      'Customers who have had max_mails_per_week mails: their notices wait for the next run.',
    ),
    unconfirmed: Count(
      'Customers whose mail was in flight when a worker or the connection broke: it may have ' +
        'arrived, and is not sent again.',
    ),
    reason: Nullable(Type.String({ description: 'Why it failed, or is retried.' })),
    failures: Type.Array(
      Type.Object(
        { customer_id: Type.String(), reason: Type.String() },
        { title: 'RejectedCustomer' },
      ),
      {
        description: `The first ${limits.runFailuresShown} rejected customers.`,
      },
    ),
  },
  {
    title: 'JobRun',
    examples: [
      {
        id: '1a8a5052-8741-4daf-982e-e0a12990335a',
        state: 'completed',
        cause: 'schedule',
        reason: null,
        failures: [],
        requested_at: '2026-11-20T09:00:00.123456Z',
        scheduled_for: '2026-11-20T09:00:00.000Z',
        started_at: '2026-11-20T09:00:00.204Z',
        finished_at: '2026-11-20T09:00:01.031Z',
        duration_ms: 827,
        next_try_at: null,
        found: 12,
        sent: 9,
        notices: 11,
        rejected: 0,
        withheld: 1,
        capped: 0,
        unconfirmed: 0,
      },
    ],
  },
)
export const JobRunList = Type.Object(
  {
    runs: Type.Array(JobRun, { maxItems: limits.runsListed }),
    next: nextPage(),
  },
  { title: 'JobRunList' },
)

export type JobRun = Static<typeof JobRun>

type Row = Omit<JobRun, 'requested_at' | 'duration_ms'> & {
  position: number
  started_at: Date | null
  finished_at: Date | null
  scheduled_for: Date | null
  next_try_at: Date | null
}

/** At most `most` runs of a job that were requested before a position, newest first. */
export async function listJobRuns(
  db: Db,
  tenant: string,
  jobId: string,
  { before = Number.MAX_SAFE_INTEGER, most }: { before?: number | undefined; most: number },
): Promise<JobRun[]> {
  return runsOf(db, tenant, jobId, sql`position < ${before} order by position desc limit ${most}`)
}

async function runsOf(
  db: Db,
  tenant: string,
  jobId: string,
  which: RawBuilder<unknown>,
): Promise<JobRun[]> {
  const { rows } = await sql<Row>`
    select
      id, state, cause, position, tick_at as scheduled_for, started_at, finished_at,
      retry_at as next_try_at, found, sent, notices, rejected, withheld, capped, unconfirmed,
      reason,
      coalesce((
        select json_agg(json_build_object('customer_id', customer_id, 'reason', reason))
        from (
          select distinct on (customer_id) customer_id, reason
          from notice
          where notice.tenant = run.tenant and notice.run_id = run.id and state = 'rejected'
          order by customer_id
          limit ${limits.runFailuresShown}
        ) as failure
      ), '[]')::jsonb as failures
    from notification_run as run
    where tenant = ${tenant} and job_id = ${jobId} and ${which}`.execute(db)
  return rows.map(({ position, ...run }) => ({
    ...run,
    requested_at: timeOf(position),
    scheduled_for: textOf(run.scheduled_for),
    started_at: textOf(run.started_at),
    finished_at: textOf(run.finished_at),
    duration_ms:
      run.started_at && run.finished_at ? Number(run.finished_at) - Number(run.started_at) : null,
    next_try_at: textOf(run.next_try_at),
  }))
}

const textOf = (date: Date | null) => date?.toISOString() ?? null

/** Requests a run of a job now, or returns the one that is not over yet. */
export async function requestJobRun(db: Db, tenant: string, jobId: string): Promise<JobRun> {
  const asked = await untilKnown((callId) => insertJobRun(db, tenant, jobId, callId))
  // The current run ended in between: ask again.
  return asked ?? requestJobRun(db, tenant, jobId)
}

/** Undefined if another run was under way and has ended meanwhile. */
async function insertJobRun(
  db: Db,
  tenant: string,
  jobId: string,
  id: string,
): Promise<JobRun | undefined> {
  const { rows } = await sql<{ position: number }>`
    insert into notification_run (id, tenant, job_id, position, cause)
    values (${id}, ${tenant}, ${jobId}, position_of(clock_timestamp()), 'manual')
    on conflict do nothing
    returning position`.execute(db)
  if (rows[0]) return newJobRun(id, rows[0].position)
  const { rows: others } = await sql<{ id: string }>`
    select id from notification_run
    where tenant = ${tenant} and job_id = ${jobId}
      and (id = ${id} or state in ('queued', 'running'))
    order by id = ${id} desc
    limit 1`.execute(db)
  return others[0] && (await runsOf(db, tenant, jobId, sql`id = ${others[0].id}`))[0]
}

function newJobRun(id: string, position: number): JobRun {
  const requested_at = timeOf(position)
  const times = { scheduled_for: null, started_at: null, finished_at: null, next_try_at: null }
  const mails = { found: 0, sent: 0, notices: 0, rejected: 0 }
  const counts = { ...mails, withheld: 0, capped: 0, unconfirmed: 0 }
  const nothing = { duration_ms: null, reason: null, failures: [] }
  return { id, state: 'queued', cause: 'manual', requested_at, ...times, ...counts, ...nothing }
}

// Turns due jobs into jobs of the runner. Those are hints: rows hold the work, and the sweep here
// finds it if a hint gets lost.

import { sql } from 'kysely'
import { type NotifyJob, notifyKey, tasks } from '../../db/jobs.ts'
import type { Db } from '../../db/pool.ts'
import { IS_DUE, IS_FREE } from './lease.ts'

/** The most jobs that one sweep gives to the runner; the next sweep gives more. */
const MOST = 1_000

/** Gives one job to the runner at once. */
export async function askForJob(db: Db, job: NotifyJob): Promise<void> {
  await sql`
    select graphile_worker.add_job(
      ${tasks.notify}, ${JSON.stringify(job)}::json, job_key => ${notifyKey(job)}
    )`.execute(db)
}

/**
 * Gives every job with work to the runner, and returns how many. Ticks and retries depend on this
 * alone: it needs no memory of any process.
 */
export async function wakeDueJobs(db: Db): Promise<number> {
  const { rows } = await sql<{ queued: number }>`
    with due as (
      select job.tenant, job.id
      from notification_job as job
      where ${IS_FREE}
        and (job.tenant, job.id) in (
          select tenant, id from notification_job where next_run_at <= clock_timestamp()
          union all
          select tenant, job_id from notification_run where state in ('queued', 'running')
        )
        and ${IS_DUE}
      order by job.tenant, job.id
      limit ${MOST}
    ),
    specs as (
      select array_agg((
        ${tasks.notify}::text, json_build_object('tenant', tenant, 'jobId', id), null, null, null,
        format('notify:%s/%s', tenant, id), null, null
      )::graphile_worker.job_spec order by tenant, id) as jobs
      from due
    ),
    queued as (
      select from specs, graphile_worker.add_jobs(specs.jobs) where specs.jobs is not null
    )
    select count(*)::integer as queued from queued`.execute(db)
  return rows[0]?.queued ?? 0
}

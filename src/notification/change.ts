// Changes of jobs and senders. Each is one call that takes the next position of the log, and writes
// the projection and the config log (sql/functions), so that both agree. The call returns what it
// has written.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import { untilWritten } from '../db/until-written.ts'
import { MillraceError } from '../errors.ts'
import { changedMeanwhile } from '../input/etag.ts'
import { latestPosition } from '../log/position.ts'
import { type FoundJob, findJob } from './find.ts'
import { type JobDocument, nextRunOf } from './job.ts'

/** The author of a change, its time (ms) and its reason, for the config log. */
type Change = { actor: string; reason: string; now: number }

/** The document after a change, and the name of the change in the config log. */
type Decision = { document: JobDocument; action: string }
type Decide = (document: JobDocument) => Decision | undefined

/**
 * Creates a job; undefined if its id is taken. Throws `too_many_jobs` if the tenant has its
 * maximum.
 */
export async function createJob(
  db: Db,
  tenant: string,
  id: string,
  change: Change & { document: JobDocument },
): Promise<FoundJob | undefined> {
  return write(db, tenant, { id, version: 0 }, { ...change, action: 'job_created' })
}

/**
 * Changes a job to the result of `decide`, and returns its new state; undefined if there is none.
 * If another change was faster, `decide` is called again. If it returns undefined, the job stays.
 * Throws `too_many_jobs` if a deleted job would return and the tenant has its maximum, and
 * `precondition_failed` if its version is not `ifVersion`.
 */
export async function changeJob(
  db: Db,
  tenant: string,
  id: string,
  { decide, ifVersion, ...change }: Change & { decide: Decide; ifVersion?: number | undefined },
): Promise<FoundJob | undefined> {
  const { job } = await untilWritten(`the job ${id}`, async () => {
    const found = await findJob(db, tenant, id)
    if (found && ifVersion !== undefined && found.version !== ifVersion) throw changedMeanwhile(id)
    const decided = found && decide(found.document)
    if (!decided) return { job: found }
    const changed = await write(db, tenant, found, { ...change, ...decided })
    return changed && { job: changed }
  })
  return job
}

/** The written job; undefined if its version has changed meanwhile. */
async function write(
  db: Db,
  tenant: string,
  { id, version }: { id: string; version: number },
  { actor, reason, now, document, action }: Change & Decision,
): Promise<FoundJob | undefined> {
  const next = nextRunOf(document, now)
  const next_run_at = next === undefined ? null : new Date(next)
  return untilKnown(async (callId) => {
    const { rows } = await sql<{ position: number | null }>`
      select coalesce(
        change_of_attempt(${tenant}, ${`job:${id}`}, ${callId}),
        change_notification_job(
          ${tenant}, ${id}, ${version}, ${JSON.stringify(document)}::jsonb, ${action}, ${actor},
          ${reason}, ${next_run_at}::timestamptz, ${latestPosition()}, ${limits.jobsPerTenant}
        )
      ) as position`.execute(db)
    if (rows[0]?.position === 0) throw tooManyJobs()
    return rows[0]?.position ? { id, version: version + 1, document, next_run_at } : undefined
  })
}

/** Writes a note about a job into the config log: somebody did something that changes nothing. */
export async function noteJob(
  db: Db,
  tenant: string,
  id: string,
  { action, actor, reason }: { action: string; actor: string; reason: string },
): Promise<void> {
  await untilKnown((callId) =>
    sql`
      select case when change_of_attempt(${tenant}, ${`job:${id}`}, ${callId}) is null then
        note_notification_job(
          ${tenant}, ${id}, ${action}, ${reason}, ${latestPosition()}, ${actor}
        )
      end`.execute(db),
  )
}

function tooManyJobs(): MillraceError {
  const message = `The tenant already has ${limits.jobsPerTenant} jobs, the maximum.`
  return new MillraceError('too_many_jobs', message)
}

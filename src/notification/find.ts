// Finds jobs, and presents them.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { type Job, type JobDocument, NEWER } from './job.ts'

export type FoundJob = {
  id: string
  version: number
  document: JobDocument
  next_run_at: Date | null
}

/** One job of a tenant, deleted or not; undefined if there is none. */
export async function findJob(db: Db, tenant: string, id: string): Promise<FoundJob | undefined> {
  return (await jobsQuery(db, tenant).where('id', '=', id).execute())[0]
}

/**
 * At most `most` jobs of a tenant that were created after a position, deleted ones included, in the
 * order of their creation.
 */
export async function listJobs(
  db: Db,
  tenant: string,
  { after, most }: { after: number; most: number },
): Promise<(FoundJob & { createdPosition: number })[]> {
  return jobsQuery(db, tenant)
    .where('created_position', '>', after)
    .select('created_position as createdPosition')
    .orderBy('created_position')
    .limit(most)
    .execute()
}

/** The ids of the tenant's first `most` jobs that are active and not deleted. */
export async function listActiveJobs(db: Db, tenant: string, most: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id
    from notification_job
    where tenant = ${tenant} and not (document ->> 'deleted')::boolean
      and (document ->> 'is_active')::boolean
    order by created_position
    limit ${most}`.execute(db)
  return rows.map(({ id }) => id)
}

function jobsQuery(db: Db, tenant: string) {
  return db
    .selectFrom('notification_job')
    .where('tenant', '=', tenant)
    .select(['id', 'version', 'next_run_at'])
    .select((eb) => eb.ref('document').$castTo<JobDocument>().as('document'))
}

/** A job in answers. */
export function presentJob({ id, document, next_run_at }: FoundJob): Job {
  return { id, ...NEWER, ...document, next_run_at: next_run_at?.toISOString() ?? null }
}

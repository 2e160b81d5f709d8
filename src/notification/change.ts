// Changes of jobs and of senders: each is one call that takes the next position of the log, writes
// the projection and the config log (sql/functions), so that they agree.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { latestPosition } from '../log/position.ts'
import { findJob } from './find.ts'
import { type JobDocument, nextRunOf } from './job.ts'

/** Who changes something, when (ms) and why, for the config log. */
export type Change = { actor: string; reason: string; now: number }

/** A change lost to another one is decided anew, this often. */
const TRIES = 10

/** Creates a job, unless its id is taken. */
export async function createJob(
  db: Db,
  tenant: string,
  id: string,
  document: JobDocument,
  change: Change,
): Promise<'created' | 'taken'> {
  const created = await write(db, tenant, { id, version: 0 }, document, 'job_created', change)
  return created ? 'created' : 'taken'
}

/** Changes a job to what `decide` makes of it; that is called again where others were faster. */
export async function changeJob(
  db: Db,
  tenant: string,
  id: string,
  decide: (document: JobDocument) => { document: JobDocument; action: string } | undefined,
  change: Change,
): Promise<'changed' | 'unchanged' | 'absent'> {
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await findJob(db, tenant, id)
    if (!found) return 'absent'
    const decided = decide(found.document)
    if (!decided) return 'unchanged'
    const { document, action } = decided
    if (await write(db, tenant, found, document, action, change)) return 'changed'
  }
  throw new Error(`The job ${tenant}/${id} is changed by too many at once.`)
}

async function write(
  db: Db,
  tenant: string,
  { id, version }: { id: string; version: number },
  document: JobDocument,
  action: string,
  { actor, reason, now }: Change,
): Promise<boolean> {
  const next = nextRunOf(document, now)
  const { rows } = await sql<{ position: number | null }>`
    select change_notification_job(
      ${tenant}, ${id}, ${version}, ${JSON.stringify(document)}::jsonb, ${action}, ${actor},
      ${reason}, ${next === undefined ? null : new Date(next)}::timestamptz,
      ${latestPosition()}
    ) as position`.execute(db)
  return Boolean(rows[0]?.position)
}

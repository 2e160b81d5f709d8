// Changes of configuration. What a command does is decided by the table in state.ts; it is then one
// call that takes the next position of the log, changes the projection where its version is still
// the one that was looked at, and writes the config log (sql/functions): the
// three agree because they commit together.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { latestPosition, timeOf } from '../log/position.ts'
import type { Kind } from './consumer.ts'
import { type Command, transition } from './state.ts'

/** Who changed something and why, for the config log. */
export type Change = { actor: string; reason: string }

/** A change lost to another one is decided anew, this often. */
const TRIES = 10

/**
 * Registers a consumer that runs at once, or is `stopped`. It receives the events after the
 * position `startsAfter`, or after its own registration where that is undefined, up to
 * `stopPosition`.
 * Nothing is changed where the id is taken or the tenant has `most` of the kind.
 */
export async function registerConsumer(
  db: Db,
  tenant: string,
  kind: Kind,
  id: string,
  options: Change & {
    document: object
    most: number
    status?: 'running' | 'stopped'
    startsAfter?: number | undefined
    stopPosition?: number | undefined
  },
): Promise<'registered' | 'taken' | 'full'> {
  const document = JSON.stringify(options.document)
  const { status = 'running' } = options
  const action = status === 'running' ? `${kind}_started` : `${kind}_stopped`
  const { rows } = await sql<{ outcome: 'registered' | 'taken' | 'full' }>`
    select register_consumer(
      ${tenant}, ${kind}, ${id}, ${document}::jsonb, ${status}, ${action}, ${options.actor},
      ${options.reason}, ${options.startsAfter ?? null}, ${options.stopPosition ?? null},
      ${options.most}, ${latestPosition()}
    ) as outcome`.execute(db)
  return rows[0]?.outcome as 'registered'
}

/**
 * Carries out a command. `unchanged`: it was so already. `refused`: its state does not allow it.
 * `document` replaces the stored one; `ifVersion`: `refused` where the version is another.
 */
export async function changeConsumer(
  db: Db,
  tenant: string,
  id: string,
  command: Command,
  options: Change & { document?: object; fromNow?: boolean; ifVersion?: number },
): Promise<'changed' | 'unchanged' | 'refused' | 'absent'> {
  const document = options.document ? JSON.stringify(options.document) : null
  for (let tries = 0; tries < TRIES; tries++) {
    const current = await db
      .selectFrom('consumer')
      .select(['kind', 'version', 'status'])
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst()
    if (!current) return 'absent'
    const { kind, version, status } = current
    if (options.ifVersion !== undefined && options.ifVersion !== version) return 'refused'
    const next = transition(status, command)
    if (!next) return 'refused'
    if (!next.action) return 'unchanged'
    const { rows } = await sql<{ position: number | null }>`
      select change_consumer(
        ${tenant}, ${id}, ${version}, ${next.to}, ${next.action(kind)}, ${options.actor},
        ${options.reason}, ${document}::jsonb, ${options.fromNow ?? false}, ${latestPosition()}
      ) as position`.execute(db)
    if (rows[0]?.position) return 'changed'
  }
  throw new Error(`The consumer ${tenant}/${id} is changed by too many at once.`)
}

/**
 * Starts a consumer. It goes on where it stopped, or from now where it was stopped before the
 * position `oldestRestart` (SPEC 3: within the retention).
 */
export async function startConsumer(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { oldestRestart: number },
) {
  const stopped = await db
    .selectFrom('consumer')
    .select('changed_position')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('status', '=', 'stopped')
    .executeTakeFirst()
  const fromNow = stopped !== undefined && stopped.changed_position < options.oldestRestart
  const since = fromNow && ` It was stopped at ${timeOf(stopped.changed_position)}, too long ago`
  const reason = since ? `${options.reason}${since}: it goes on from now.` : options.reason
  return changeConsumer(db, tenant, id, 'start', { ...options, reason, fromNow })
}

/** An entry of a consumer's log that changes nothing. */
export async function noteConsumer(
  db: Db,
  tenant: string,
  id: string,
  action: string,
  { actor, reason }: Change,
): Promise<void> {
  await sql`
    select note_consumer(
      ${tenant}, ${id}, ${action}, ${actor}, ${reason}, ${latestPosition()}
    )`.execute(db)
}

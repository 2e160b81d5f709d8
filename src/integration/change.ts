// Changes of configuration. What a command does is decided by the table in state.ts; it is then one
// call that takes the next position of the log, changes the projection where its version is still
// the one that was looked at, and writes the config log (sql/migrations/0004_event_stream.sql): the
// three agree because they commit together.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { timeOf } from '../log/position.ts'
import type { IntegrationDocument } from './integration.ts'
import { type Command, transition } from './state.ts'

/** Who changed something and why, for the config log. */
export type Change = { actor: string; reason: string }

/** A change lost to another one is decided anew, this often. */
const TRIES = 10

/**
 * Registers an integration that runs at once. It receives the events after the position
 * `startsAfter`, or after its own registration where that is undefined, up to `stopPosition`.
 * Nothing is changed where the id is taken or the tenant has its ten.
 */
export async function registerIntegration(
  db: Db,
  tenant: string,
  id: string,
  options: Change & {
    document: IntegrationDocument
    startsAfter?: number | undefined
    stopPosition?: number | undefined
  },
): Promise<'registered' | 'taken' | 'full'> {
  const document = JSON.stringify(options.document)
  const { rows } = await sql<{ outcome: 'registered' | 'taken' | 'full' }>`
    select register_integration(
      ${tenant}, ${id}, ${document}::jsonb, ${options.actor}, ${options.reason},
      ${options.startsAfter ?? null}, ${options.stopPosition ?? null},
      ${limits.integrationsPerTenant}
    ) as outcome`.execute(db)
  return rows[0]?.outcome as 'registered'
}

/**
 * Carries out a command. `unchanged`: it was so already. `refused`: its state does not allow it.
 * `document` replaces the stored one; `ifVersion`: `refused` where the version is another.
 */
export async function changeIntegration(
  db: Db,
  tenant: string,
  id: string,
  command: Command,
  options: Change & { document?: IntegrationDocument; fromNow?: boolean; ifVersion?: number },
): Promise<'changed' | 'unchanged' | 'refused' | 'absent'> {
  const document = options.document ? JSON.stringify(options.document) : null
  for (let tries = 0; tries < TRIES; tries++) {
    const current = await db
      .selectFrom('integration')
      .select(['version', 'status'])
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst()
    if (!current) return 'absent'
    const { version, status } = current
    if (options.ifVersion !== undefined && options.ifVersion !== version) return 'refused'
    const next = transition(status, command)
    if (!next) return 'refused'
    if (!next.action) return 'unchanged'
    const { rows } = await sql<{ position: number | null }>`
      select change_integration(
        ${tenant}, ${id}, ${version}, ${next.to}, ${next.action}, ${options.actor},
        ${options.reason}, ${document}::jsonb, ${options.fromNow ?? false}
      ) as position`.execute(db)
    if (rows[0]?.position) return 'changed'
  }
  throw new Error(`The integration ${tenant}/${id} is changed by too many at once.`)
}

/**
 * Starts an integration. It goes on where it stopped, or from now where it was stopped before the
 * position `oldestRestart` (SPEC 3: within the retention).
 */
export async function startIntegration(
  db: Db,
  tenant: string,
  id: string,
  options: Change & { oldestRestart: number },
) {
  const stopped = await db
    .selectFrom('integration')
    .select('changed_position')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('status', '=', 'stopped')
    .executeTakeFirst()
  const fromNow = stopped !== undefined && stopped.changed_position < options.oldestRestart
  const since = fromNow && ` It was stopped at ${timeOf(stopped.changed_position)}, too long ago`
  const reason = since ? `${options.reason}${since}: it goes on from now.` : options.reason
  return changeIntegration(db, tenant, id, 'start', { ...options, reason, fromNow })
}

/** An entry of an integration's log that changes nothing. */
export async function noteIntegration(
  db: Db,
  tenant: string,
  id: string,
  action: string,
  { actor, reason }: Change,
): Promise<void> {
  await sql`select note_integration(${tenant}, ${id}, ${action}, ${actor}, ${reason})`.execute(db)
}

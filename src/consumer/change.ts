// Changes of configuration. The table in state.ts decides the effect of a command. One call then
// takes the next position of the log, changes the projection if its version is still the expected
// one, and writes the config log (sql/functions), in one transaction. It returns what it has
// written: nothing is read after the commit.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import { untilWritten } from '../db/until-written.ts'
import { latestPosition, timeOf } from '../log/position.ts'
import { type Kind, SERVICE_ACTOR } from './consumer.ts'
import { type Command, registrations, type Status, transition } from './state.ts'

/** The author and the reason of a change, for the config log. */
export type Change = { actor: string; reason: string }

/** A consumer after a change. */
export type Consumer = {
  id: string
  kind: Kind
  version: number
  status: Status
  document: unknown
  createdPosition: number
}

/**
 * `unchanged`: it was so already. `refused`: its state or version does not allow it. `full`: as
 * many of its kind run as may.
 */
type Changed =
  | { outcome: 'changed' | 'unchanged'; consumer: Consumer }
  | { outcome: 'refused' | 'full' | 'absent'; consumer?: undefined }

type Options = Change & {
  document?: object
  fromNow?: boolean
  ifVersion?: number | undefined
  mostRunning?: number
}

/**
 * Registers a consumer that runs at once, or is `stopped`. It receives the events after the
 * position `startsAfter` (default: its own registration) up to `stopPosition`. `note` is a second
 * entry of its log. Nothing is changed if the id exists or the tenant has `most` of the kind.
 */
export async function registerConsumer(
  db: Db,
  tenant: string,
  id: string,
  options: Change & {
    kind: Kind
    document: object
    most: number
    status?: Status
    startsAfter?: number | undefined
    stopPosition?: number | undefined
    note?: { action: string; reason: string } | undefined
  },
): Promise<'registered' | 'taken' | 'full'> {
  const document = JSON.stringify(options.document)
  const { kind, status = 'running', note } = options
  const { action } = registrations[status]
  const outcome = await untilKnown(async (callId) => {
    const { rows } = await sql<{ outcome: 'registered' | 'known' | 'taken' | 'full' }>`
      select outcome,
        case when outcome = 'registered' and ${note !== undefined} then
          note_consumer(
            ${tenant}, ${id}, ${note?.action ?? null}, ${SERVICE_ACTOR}, ${note?.reason ?? null},
            ${latestPosition()}
          )
        end as noted
      from (
        select case
          when change_of_attempt(${tenant}, ${id}, ${callId}) is not null then 'known'
          else register_consumer(
            ${tenant}, ${kind}, ${id}, ${document}::jsonb, ${status}, ${action(kind)},
            ${options.actor}, ${options.reason}, ${options.startsAfter ?? null},
            ${options.stopPosition ?? null}, ${options.most}, ${latestPosition()}
          )
        end as outcome
        offset 0 -- it is called once, before the note
      ) as registration`.execute(db)
    return rows[0]?.outcome as 'registered' | 'known'
  })
  return outcome === 'known' ? 'registered' : outcome
}

/**
 * Carries out a command, and returns the consumer after it. `document` replaces the stored one.
 * `ifVersion`: `refused` if the version differs. `mostRunning`: `full` if a start would exceed it.
 */
export function changeConsumer(
  db: Db,
  tenant: string,
  id: string,
  options: Options & { command: Command },
): Promise<Changed> {
  return untilWritten(id, async (): Promise<Changed | undefined> => {
    const current = await db
      .selectFrom('consumer')
      .select(['id', 'kind', 'version', 'status', 'document'])
      .select('created_position as createdPosition')
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst()
    if (!current) return { outcome: 'absent' }
    const { kind, version, status } = current
    if (options.ifVersion !== undefined && options.ifVersion !== version) {
      return { outcome: 'refused' }
    }
    const next = transition(status, options.command)
    if (!next) return { outcome: 'refused' }
    if (!next.action) return { outcome: 'unchanged', consumer: current }
    const step = { ...options, to: next.to, action: next.action(kind) }
    const position = await write(db, tenant, current, step)
    if (position === 0) return { outcome: 'full' }
    if (position !== null) {
      const { document = current.document } = options
      const after = next.to === 'running' ? 'running' : 'stopped'
      const consumer = { ...current, version: version + 1, status: after, document } as const
      return { outcome: 'changed', consumer }
    }
    return undefined
  })
}

/** The position of the change; null if the version has changed meanwhile, 0 if the maximum run. */
function write(
  db: Db,
  tenant: string,
  { id, version }: Consumer,
  options: Options & { to: string; action: string },
): Promise<number | null> {
  const { to, action } = options
  const document = options.document ? JSON.stringify(options.document) : null
  return untilKnown(async (callId) => {
    const { rows } = await sql<{ position: number | null }>`
      select coalesce(
        change_of_attempt(${tenant}, ${id}, ${callId}),
        change_consumer(
          ${tenant}, ${id}, ${version}, ${to}, ${action}, ${options.actor}, ${options.reason},
          ${document}::jsonb, ${options.fromNow ?? false}, ${latestPosition()},
          ${options.mostRunning ?? null}
        )
      ) as position`.execute(db)
    return rows[0]?.position ?? null
  })
}

/**
 * Starts a consumer. It goes on where it stopped, whatever has changed since. If it stopped before
 * the position `oldestRestart` (within the retention), it goes on from now. A replay has its own
 * dates: it always goes on where it stopped.
 */
export async function startConsumer(
  db: Db,
  tenant: string,
  id: string,
  options: Omit<Options, 'fromNow'> & { oldestRestart: number },
): Promise<Changed> {
  const { rows } = await sql<{ at: number }>`
    select coalesce(stopped_position, changed_position) as at
    from consumer
    where tenant = ${tenant} and id = ${id} and status = 'stopped'
      and document ->> 'integration_type' is distinct from 'temporary'`.execute(db)
  const [stopped] = rows
  const fromNow = stopped !== undefined && stopped.at < options.oldestRestart
  const since = fromNow && ` It was stopped at ${timeOf(stopped.at)}, too long ago`
  const reason = since ? `${options.reason}${since}: it goes on from now.` : options.reason
  return changeConsumer(db, tenant, id, { command: 'start', ...options, reason, fromNow })
}

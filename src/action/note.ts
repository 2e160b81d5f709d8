// The entry of an action in the config log, written before anything leaves: who asked for it, and
// why.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import { latestPosition } from '../log/position.ts'

/** The caller of an action. */
export type Caller = { actor: string; reason: string }

/** Writes a note about a consumer into the config log. */
export async function noteAction(
  db: Db,
  tenant: string,
  consumer: string,
  { action, actor, reason }: Caller & { action: string },
): Promise<void> {
  await untilKnown((callId) =>
    sql`
      select case when change_of_attempt(${tenant}, ${consumer}, ${callId}) is null then
        note_consumer(${tenant}, ${consumer}, ${action}, ${actor}, ${reason}, ${latestPosition()})
      end`.execute(db),
  )
}

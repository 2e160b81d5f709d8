// Event types that a tenant has registered: their documents, and how they change. Each change is an
// entry of the config log (sql/functions/change_event_type.sql).

import { sql } from 'kysely'
import { limits } from '../config.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import type { RegisteredDocument } from '../log/event-type.ts'
import { latestPosition } from '../log/position.ts'

/** A registered type as a publishing process needs it. */
export type StoredType = {
  name: string
  version: number
  on_violation: RegisteredDocument['on_violation']
  /** The JSON text of its schema. */
  schema: string
}

type Outcome =
  | { outcome: 'changed' | 'unchanged'; version: number }
  | { outcome: 'changed_meanwhile' | 'absent' | 'too_many' | 'too_large' }

/**
 * Registers a type, or removes what is registered (`document` null). `changed_meanwhile`: its
 * version is not `ifVersion`. `changed` alone has changed anything.
 */
export async function changeRegistered(
  db: Db,
  { tenant, name }: { tenant: string; name: string },
  document: RegisteredDocument | null,
  change: { actor: string; reason: string; ifVersion: number | undefined },
): Promise<Outcome> {
  const { actor, reason, ifVersion = null } = change
  const text = document && JSON.stringify(document)
  return untilKnown(async (callId) => {
    const result = await sql<Outcome>`
      select outcome, version
      from change_event_type(
        ${tenant}, ${name}, ${text}::jsonb, ${actor}, ${reason}, ${callId}::uuid,
        ${ifVersion}::integer, ${latestPosition()}, ${limits.registeredTypes},
        ${limits.registeredBytes}
      )`.execute(db)
    return onlyRow(result)
  })
}

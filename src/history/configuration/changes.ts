// The changes of a tenant's configuration, newest first: by whom, when and why, with the documents
// before and after. sql/audit/changes.sql asks sql/functions/config_changes.sql, too.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { timeOf } from '../../log/position.ts'
import type { SecretBox } from '../../sealing/secret.ts'
import { differencesOf } from './differences.ts'
import { type ConfiguredKind, shownId } from './kind.ts'
import { type Document, type MayRead, namedBy, shownDocument } from './shown.ts'

/** Entries of the log that one call looks at: most of them may be notes. */
export const LOOKED_AT = 20_000
/** The most bytes of documents in one page. One change always fits. */
export const PAGE_BYTES = 2 * 1024 * 1024

/** Changes from the position `first` on and before `end`; undefined: any. */
export type ChangesWanted = {
  first: number
  end: number
  ids: string[] | undefined
  kind: ConfiguredKind | undefined
  actor: string | undefined
  limit: number
}

type Row = {
  position: number
  kind: ConfiguredKind
  id: string
  version: number
  action: string
  status: string
  actor: string
  reason: string
  before: Document
  after: Document
  storedBefore: Document
  storedAfter: Document
}

/**
 * A page of a tenant's changes, newest first. `next`: the `end` of the next page; null if there is
 * none. A page may be short, or empty, and have a next one: what it looks at is bounded.
 */
export async function readChanges(
  db: Db,
  tenant: string,
  wanted: ChangesWanted,
  { secrets, mayRead }: { secrets: SecretBox; mayRead: MayRead },
): Promise<{ changes: object[]; next: number | null }> {
  const floor = await floorQuery(tenant, wanted).execute(db)
  const lowest = floor.rows[0]?.position
  const range = { ...wanted, first: lowest ?? wanted.first }
  const { rows } = await changesQuery(tenant, range).execute(db)
  const page = rows.filter(({ isCut }) => !isCut)
  const isWhole = page.length === rows.length
  const next = isWhole ? (lowest ?? null) : (page.at(-1)?.position ?? null)
  const changes = page.map(({ position, kind, id, actor, action, reason, ...row }) => {
    const show = (document: Document) => shownDocument(kind, document, mayRead)
    const [before, after] = [show(row.before), show(row.after)]
    return {
      changed_at: timeOf(position),
      position,
      actor,
      kind,
      id: shownId(kind, id),
      ...namedBy(after ?? before),
      action,
      reason,
      version: row.version,
      status: row.status,
      before,
      after,
      differences: differencesOf(
        { stored: show(row.storedBefore), shown: before },
        { stored: show(row.storedAfter), shown: after },
        { tenant, secrets },
      ),
    }
  })
  return { changes, next }
}

/** The lowest position that a page looks at; no row if it reaches the end of the range. */
export function floorQuery(tenant: string, { first, end, ids }: ChangesWanted) {
  const entries = (of: string) => sql`
    (
      select position from config_log
      where tenant = ${of} and position >= ${first} and position < ${end}
        and (${ids === undefined} or id = any(${ids ?? []}))
      order by position desc
      limit ${LOOKED_AT}
    )`
  return sql<{ position: number }>`
    select position
    from (${entries(tenant)} union all ${entries('*')}) as entry
    order by position desc
    offset ${LOOKED_AT - 1}
    limit 1`
}

/** The query of a page, which the plan test explains: one row more than the page, if there is. */
export function changesQuery(tenant: string, wanted: ChangesWanted) {
  const { first, end, ids, kind, actor, limit } = wanted
  return sql<Row & { isCut: boolean }>`
    with change as materialized (
      select *
      from config_changes(
        ${tenant}, ${first}, ${end}, ${ids ?? null}::text[], ${kind ?? null}, ${actor ?? null}
      )
      order by position desc
      limit ${limit + 1}
    ),
    sized as (
      select
        change.*, before.document as stored_before, after.document as stored_after,
        row_number() over newest as ordinal,
        sum(
          coalesce(octet_length(before.document::text), 0)
            + coalesce(octet_length(after.document::text), 0)
        ) over newest as bytes
      from change
      join config_log as after
        on after.tenant = change.tenant and after.position = change.position
      left join config_log as before
        on before.tenant = change.tenant and before.position = change.previous_position
      window newest as (order by change.position desc)
    ),
    cut as materialized (
      select *, ordinal > ${limit} or ordinal > 1 and bytes > ${PAGE_BYTES} as is_cut from sized
    )
    select
      cut.position, cut.kind, cut.id, cut.version, cut.action, cut.status, cut.actor, cut.reason,
      cut.is_cut as "isCut",
      before.document as before, after.document as after,
      case when not cut.is_cut then cut.stored_before end as "storedBefore",
      case when not cut.is_cut then cut.stored_after end as "storedAfter"
    from cut
    left join masked_config_log as after
      on not cut.is_cut and after.tenant = cut.tenant and after.position = cut.position
    left join masked_config_log as before
      on not cut.is_cut and before.tenant = cut.tenant and before.position = cut.previous_position
    order by cut.position desc`
}

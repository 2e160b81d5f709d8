// The configuration of a tenant at a moment, and its differences from that of another.
// sql/audit/configuration-as-of.sql asks sql/functions/configured_at.sql, too.

import { type RawBuilder, sql } from 'kysely'
import { onlyRow } from '../../db/only-row.ts'
import type { Db } from '../../db/pool.ts'
import { timeOf } from '../../log/position.ts'
import type { SecretBox } from '../../sealing/secret.ts'
import { differencesOf } from './differences.ts'
import { type ConfiguredKind, shownId } from './kind.ts'
import { type Document, type MayRead, namedBy, shownDocument } from './shown.ts'

/** Ids of the config log that one page looks at: most of them may be gone. */
const LOOKED_AT = 1_000

/** The things of a page: after the id `after` of the log; without `ids`: all of them. */
export type ConfiguredWanted = {
  ids: string[] | undefined
  kind: ConfiguredKind | undefined
  after: string
  limit: number
}

type Configured = {
  position: number
  version: number
  status: string
  actor: string
  reason: string
  document: Document
}

type Named = { kind: ConfiguredKind; id: string }

/** The present as a position: all changes up to now are at it or before. */
export async function presentPosition(db: Db): Promise<number> {
  const result = await sql<{ position: number }>`
    select greatest(position_of(clock_timestamp()), last_value) as position
    from lane_position`.execute(db)
  return onlyRow(result).position
}

/**
 * A page of what was configured at the position `until`, by the ids of the log. `next`: the `after`
 * of the next page; undefined after the last one. A page may be short, or empty, and have a next
 * one.
 */
export async function readConfiguration(
  db: Db,
  tenant: string,
  { until, ...wanted }: ConfiguredWanted & { until: number },
  mayRead: MayRead,
): Promise<{ configuration: object[]; next: string | undefined }> {
  const found = await findIds(db, tenant, wanted)
  const { rows } = await configurationQuery(found, until, wanted.limit).execute(db)
  const { page, next } = pageOf(rows, found, wanted.limit)
  const configuration = page.map((row) => ({
    kind: row.kind,
    id: shownId(row.kind, row.id),
    ...presentConfigured(row, row, mayRead),
  }))
  return { configuration, next }
}

/** As `readConfiguration`: what was changed after the position `from`, up to `until`. */
export async function readDifferences(
  db: Db,
  tenant: string,
  { from, until, ...wanted }: ConfiguredWanted & { from: number; until: number },
  { secrets, mayRead }: { secrets: SecretBox; mayRead: MayRead },
): Promise<{ changed: object[]; next: string | undefined }> {
  const found = await findIds(db, tenant, wanted)
  const moments = { from, until }
  const { rows } = await differencesQuery(found, moments, wanted.limit).execute(db)
  const { page, next } = pageOf(rows, found, wanted.limit)
  const changed = page.map(({ before, after, ...row }) => {
    const show = (document: Document) => shownDocument(row.kind, document, mayRead)
    const forms = (one: Configured | null, stored: Document) => ({
      shown: show(one?.document ?? null),
      stored: show(stored),
    })
    return {
      kind: row.kind,
      id: shownId(row.kind, row.id),
      before: before && presentConfigured(row, before, mayRead),
      after: after && presentConfigured(row, after, mayRead),
      differences: differencesOf(forms(before, row.storedBefore), forms(after, row.storedAfter), {
        tenant,
        secrets,
      }),
    }
  })
  return { changed, next }
}

function presentConfigured({ kind }: Named, configured: Configured, mayRead: MayRead) {
  const { position, version, status, actor, reason } = configured
  const document = shownDocument(kind, configured.document, mayRead)
  return {
    ...namedBy(document),
    status,
    version,
    changed_at: timeOf(position),
    changed_by: actor,
    reason,
    document,
  }
}

type Found = {
  /** Those that are wanted, with the tenant of their entries: * for a key of every tenant. */
  things: { tenant: string; id: string }[]
  /** Where to go on, if more ids are left. */
  next: string | undefined
}

/** The next ids of the log that are wanted. */
async function findIds(db: Db, tenant: string, wanted: ConfiguredWanted): Promise<Found> {
  const { ids, kind, after } = wanted
  if (ids) {
    const of = (id: string) => [
      { tenant, id },
      ...(id.startsWith('key:') ? [{ tenant: '*', id }] : []),
    ]
    return {
      things: ids
        .filter((id) => id > after)
        .toSorted()
        .flatMap(of),
      next: undefined,
    }
  }
  const { rows } = await idsQuery(tenant, after).execute(db)
  const things = rows.filter((row) => kind === undefined || row.kind === kind)
  return { things, next: rows.length === LOOKED_AT ? rows.at(-1)?.id : undefined }
}

/** The ids of a tenant's config log after `after`, each once, and of keys for every tenant. */
export function idsQuery(tenant: string, after: string) {
  const next = (previous: RawBuilder<unknown>, ordinal: RawBuilder<unknown>) => sql`
    select id, kind, tenant, ${ordinal} as ordinal
    from (
      (
        select id, kind, tenant from config_log
        where tenant = ${tenant} and id > ${previous}
        order by id
        limit 1
      )
      union all
      (
        select id, kind, tenant from config_log
        where tenant = '*' and id > ${previous}
        order by id
        limit 1
      )
    ) as nearest
    order by id
    limit 1`
  return sql<{ id: string; kind: ConfiguredKind; tenant: string }>`
    with recursive known (id, kind, tenant, ordinal) as (
      (${next(sql`${after}::text`, sql`1`)})
      union all
      select later.*
      from known
      cross join lateral (${next(sql`known.id`, sql`known.ordinal + 1`)}) as later
      where known.ordinal < ${LOOKED_AT}
    )
    select id, kind, tenant from known order by ordinal`
}

/** The query of readConfiguration, which the plan test explains: one row more than the page. */
export function configurationQuery({ things }: Found, until: number, limit: number) {
  return sql<Named & Configured>`
    select
      configured.kind, thing.id, configured.position, configured.version, configured.status,
      configured.actor, configured.reason, configured.document
    from ${listed(things)}
    cross join lateral configured_at(thing.tenant, thing.id, ${until}) as configured
    order by thing.ordinal
    limit ${limit + 1}`
}

/** The query of readDifferences: one row more than the page. */
function differencesQuery(
  { things }: Found,
  { from, until }: { from: number; until: number },
  limit: number,
) {
  type Row = Named & {
    before: Configured | null
    after: Configured | null
    storedBefore: Document
    storedAfter: Document
  }
  return sql<Row>`
    select
      coalesce(after.kind, before.kind) as kind, thing.id,
      case when before.id is not null then to_jsonb(before) end as before,
      case when after.id is not null then to_jsonb(after) end as after,
      stored_before.document as "storedBefore", stored_after.document as "storedAfter"
    from ${listed(things)}
    left join lateral configured_at(thing.tenant, thing.id, ${from}) as before on true
    left join lateral configured_at(thing.tenant, thing.id, ${until}) as after on true
    left join config_log as stored_before
      on stored_before.tenant = thing.tenant and stored_before.position = before.position
    left join config_log as stored_after
      on stored_after.tenant = thing.tenant and stored_after.position = after.position
    where before.position is distinct from after.position
    order by thing.ordinal
    limit ${limit + 1}`
}

function listed(things: Found['things']) {
  const [tenants, ids] = [things.map(({ tenant }) => tenant), things.map(({ id }) => id)]
  return sql`
    unnest(${tenants}::text[], ${ids}::text[]) with ordinality as thing (tenant, id, ordinal)`
}

/** Cuts the rows to a page; the next one begins after its last row. */
function pageOf<Row extends Named>(rows: Row[], found: Found, limit: number) {
  const page = rows.slice(0, limit)
  return { page, next: rows.length > limit ? page.at(-1)?.id : found.next }
}

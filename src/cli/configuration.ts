// Compares the configuration in the tables with the one in the config log (the functions rebuilt_…
// of sql/functions), row by row and column by column, and restores rows that differ.

import { type RawBuilder, sql } from 'kysely'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import { latestPosition } from '../log/position.ts'
import { type JobDocument, nextRunOf } from '../notification/job.ts'

type Row = Record<string, unknown>

/** A row that differs; null if the table, or the log, has none. `key`: how people name it. */
export type Difference = { key: string[]; live: Row | null; rebuilt: Row | null }

/** The result for a table. `rows`: how many the log has; `differing`: how many differ in all. */
export type Comparison = { rows: number; differing: number; page: Difference[] }

/** A table that is a projection of the config log. */
type Projection = {
  table: string
  key: string[]
  /** A row of each side as an object with exactly the compared columns. */
  live: RawBuilder<unknown>
  rebuilt: RawBuilder<unknown>
  /**
   * Restores a row; returns false if somebody has changed it meanwhile, or if only the owner may.
   */
  put(db: Db, difference: Difference): Promise<boolean>
}

export const projections: Projection[] = [
  {
    table: 'consumer',
    key: ['tenant', 'id'],
    // The position of a cursor is not configuration, but a consumer without a cursor does not run.
    live: sql`to_jsonb(live) || jsonb_build_object('has_cursor', exists (
      select from cursor
      where cursor.tenant = live.tenant and cursor.consumer = live.id
        and run <= case when live.document ->> 'integration_type' = 'temporary' then 1 else 0 end
    ))`,
    rebuilt: sql`to_jsonb(rebuilt) || '{"has_cursor": true}'`,
    put: (db, { key: [tenant, id] }) =>
      call(db, sql`rebuild_consumer(${tenant}, ${id}, ${latestPosition()})`),
  },
  {
    table: 'notification_job',
    key: ['tenant', 'id'],
    live: sql`to_jsonb(live)
      - '{through_position, next_run_at, owner, epoch, lease_until}'::text[]`,
    rebuilt: sql`to_jsonb(rebuilt) - 'log_id'`,
    put: putJob,
  },
  {
    table: 'notification_sender',
    key: ['tenant'],
    live: sql`to_jsonb(live)`,
    rebuilt: sql`to_jsonb(rebuilt)`,
    put: (db, { key: [tenant] }) =>
      call(db, sql`rebuild_notification_sender(${tenant}, ${latestPosition()})`),
  },
  {
    table: 'registered_event_type',
    key: ['tenant', 'name'],
    live: sql`to_jsonb(live)`,
    rebuilt: sql`to_jsonb(rebuilt) - 'log_id'`,
    put: (db, { key: [tenant, name] }) =>
      call(db, sql`rebuild_registered_event_type(${tenant}, ${name}, ${latestPosition()})`),
  },
  {
    table: 'api_key',
    key: ['id'],
    live: sql`to_jsonb(live)`,
    rebuilt: sql`to_jsonb(rebuilt)`,
    put: (db, { key: [id] }) => call(db, sql`rebuild_api_key(${id}, ${latestPosition()})`),
  },
]

/**
 * Compares a table with the log, in the snapshot of the transaction. The page has at most `most`
 * differing rows, with keys after `after`.
 */
export async function compare(
  trx: Db,
  { table, key, live, rebuilt }: Projection,
  { after = [], most }: { after?: string[] | undefined; most: number },
): Promise<Comparison> {
  const same = sql.join(
    key.map((column) => sql`live.${sql.ref(column)} = rebuilt.${sql.ref(column)}`),
    sql` and `,
  )
  const names = sql.join(
    key.map((column) => sql`coalesce(live.${sql.ref(column)}, rebuilt.${sql.ref(column)})`),
  )
  const result = await sql<Comparison>`
    with compared as materialized (
      select array[${names}] as key, ${live} as live, ${rebuilt} as rebuilt
      from ${sql.table(table)} as live
      full join ${sql.raw(`rebuilt_${table}()`)} as rebuilt on ${same}
    ),
    page as (
      select * from compared
      where live is distinct from rebuilt and key > ${after}::text[]
      order by key
      limit ${most}
    )
    select
      count(rebuilt)::integer as rows,
      count(*) filter (where live is distinct from rebuilt)::integer as differing,
      coalesce((select jsonb_agg(to_jsonb(page) order by key) from page), '[]') as page
    from compared`.execute(trx)
  return onlyRow(result)
}

/** The job's next run follows from its last one, so that it runs once for all missed runs. */
async function putJob(db: Db, { key: [tenant, id], rebuilt }: Difference): Promise<boolean> {
  const { rows } = await sql<{ tick: Date | null }>`
    select max(tick_at) as tick from notification_run
    where tenant = ${tenant} and job_id = ${id}`.execute(db)
  const since = Math.max(Number(rebuilt?.['changed_position']) / 1_000, Number(rows[0]?.tick))
  const next = rebuilt ? nextRunOf(rebuilt['document'] as JobDocument, since) : undefined
  const next_run_at = next === undefined ? null : new Date(next)
  return call(
    db,
    sql`rebuild_notification_job(
      ${tenant}, ${id}, ${rebuilt?.['version'] ?? null}::integer, ${next_run_at}::timestamptz,
      ${latestPosition()}
    )`,
  )
}

async function call(db: Db, put: RawBuilder<unknown>): Promise<boolean> {
  const { rows } = await untilKnown(() => sql<{ done: boolean }>`select ${put} as done`.execute(db))
  return rows[0]?.done ?? false
}

/**
 * Describes the difference of a row. It prints only values that are never secret; for a document it
 * prints the names of the fields.
 */
export function describeDifference({ live, rebuilt }: Difference): string {
  if (!live) return 'missing'
  if (!rebuilt) return 'not in the log'
  const columns = [...new Set([...Object.keys(live), ...Object.keys(rebuilt)])]
  return columns
    .flatMap((column) => {
      const [is, was] = [live[column], rebuilt[column]]
      if (column === 'has_cursor' && !is) return ['has no cursor']
      if (!isSame(is, was) && (typeof was === 'number' || column === 'status'))
        return [`${column} is ${is}, in the log ${was}`]
      return pathsOf(column, is, was)
    })
    .join(', ')
}

/** The fields in which two values differ, by their paths. */
function pathsOf(path: string, is: unknown, was: unknown): string[] {
  if (isSame(is, was)) return []
  if (!isObject(is) || !isObject(was)) return [path]
  const fields = [...new Set([...Object.keys(is), ...Object.keys(was)])]
  return fields.flatMap((field) => pathsOf(`${path}.${field}`, is[field], was[field]))
}

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Both come from jsonb, which orders the fields of objects. */
function isSame(is: unknown, was: unknown): boolean {
  return JSON.stringify(is) === JSON.stringify(was)
}

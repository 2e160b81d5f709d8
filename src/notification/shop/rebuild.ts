// Rebuilds the projections of a shop beside the live ones. The live code applies the log up to
// their cursor to temporary tables of the same names, which shadow the live ones on this
// connection. Then it compares both, and replaces the live rows on request. All of it sees one
// snapshot; only `apply` makes others wait.

import { sql } from 'kysely'
import { limits } from '../../config.ts'
import { onlyRow } from '../../db/only-row.ts'
import type { Db } from '../../db/pool.ts'
import type { EventFilter, LoggedEvent } from '../../log/event.ts'
import { readPage } from '../../log/read.ts'
import { entities } from './entity.ts'
import { projectEvents, SHOP } from './project.ts'
import { shapes } from './tables.ts'

/**
 * The comparison of a table. missing: rebuilt rows that the live table lacks; extra: live rows that
 * the rebuilt table lacks; a row that differs counts in both. older: live rows from before the
 * retained log, which cannot be compared.
 */
export type ComparedTable = {
  table: string
  rebuilt: number
  missing: number
  extra: number
  older: number
}

const FILTER: EventFilter = { names: [], entities: Object.keys(entities) }

/**
 * Rebuilds a tenant's shop and compares it; undefined if it has none. `apply` replaces the live
 * rows by the rebuilt ones; rows older than the log stay.
 */
export async function rebuildShop(
  db: Db,
  tenant: string,
  { apply }: { apply: boolean },
): Promise<ComparedTable[] | undefined> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      await sql`set local statement_timeout = 0`.execute(trx)
      // The first query sets the snapshot for everything here. With the lock, the cursor cannot
      // move.
      const lock = apply ? sql`for update` : sql``
      const { rows } = await sql<{ position: number; schema: string }>`
        select read_position as position, current_schema() as schema
        from cursor
        where tenant = ${tenant} and consumer = ${SHOP} and run = 0
        ${lock}`.execute(trx)
      const [live] = rows
      if (!live) return undefined
      const tables = Object.keys(shapes)
      for (const table of tables) {
        await sql`
          create temporary table ${sql.ref(table)}
          (like ${sql.id(live.schema, table)} including indexes) on commit drop`.execute(trx)
      }
      await replay(trx, tenant, live.position)
      const bounds = { schema: live.schema, oldest: await oldestPosition(trx, tenant) }
      const compared: ComparedTable[] = []
      for (const table of tables) {
        compared.push(await compare(trx, tenant, table, bounds))
        if (apply) await replaceRows(trx, tenant, table, bounds)
      }
      return compared
    })
}

async function replay(db: Db, tenant: string, through: number): Promise<void> {
  const range = { tenant, through, filter: FILTER, isLive: true }
  const page = { maxEvents: limits.pageEvents, maxBytes: limits.pageBytes }
  for (let after = 0; ; ) {
    const { rows, isLast } = await readPage(db, { ...range, ...page, after })
    const events = rows.filter((row): row is LoggedEvent => row.payload !== null)
    await projectEvents(db, tenant, events)
    after = rows.at(-1)?.position ?? after
    if (isLast) return
  }
}

/** The log is complete from here on. */
async function oldestPosition(db: Db, tenant: string): Promise<number> {
  const oldest = await db
    .selectFrom('event')
    .select('position')
    .where('tenant', '=', tenant)
    .orderBy('position')
    .limit(1)
    .executeTakeFirst()
  return oldest?.position ?? Number.MAX_SAFE_INTEGER
}

/** The schema of the live tables, and the position from which the log is complete. */
type Live = { schema: string; oldest: number }

async function compare(
  db: Db,
  tenant: string,
  table: string,
  { schema, oldest }: Live,
): Promise<ComparedTable> {
  const columns = columnsOf(table)
  const rebuilt = sql`select ${columns} from ${sql.id('pg_temp', table)} where tenant = ${tenant}`
  const live = sql`select ${columns} from ${sql.id(schema, table)} where tenant = ${tenant}`
  const result = await sql<Omit<ComparedTable, 'table'>>`
    select
      (select count(*) from (${rebuilt}) as r)::integer as rebuilt,
      (select count(*) from (${rebuilt} except ${live}) as m)::integer as missing,
      (select count(*) from (
        ${live} and position >= ${oldest} except ${rebuilt}
      ) as e)::integer as extra,
      (select count(*) from (${live} and position < ${oldest}) as o)::integer as older`.execute(db)
  return { table, ...onlyRow(result) }
}

async function replaceRows(
  db: Db,
  tenant: string,
  table: string,
  { schema, oldest }: Live,
): Promise<void> {
  const keys = Object.keys(shapes[table as keyof typeof shapes].columns)
    .slice(0, shapes[table as keyof typeof shapes].key)
    .map((name) => sql.ref(name))
  await sql`
    delete from ${sql.id(schema, table)}
    where tenant = ${tenant}
      and (position >= ${oldest} or (${sql.join(keys)}) in (
        select ${sql.join(keys)} from ${sql.id('pg_temp', table)}
      ))`.execute(db)
  await sql`
    insert into ${sql.id(schema, table)} (tenant, ${columnsOf(table)})
    select tenant, ${columnsOf(table)} from ${sql.id('pg_temp', table)}`.execute(db)
}

function columnsOf(table: string) {
  const { columns } = shapes[table as keyof typeof shapes]
  return sql.join(Object.keys(columns).map((name) => sql.ref(name)))
}

// Reads the catalogue of a migrated database as statements that would create it again. Partitions,
// graphile-worker's objects and Kysely's own tables are omitted.

import type pg from 'pg'

export type Table = {
  name: string
  comment: string | null
  columns: Column[]
  /** As in `create table`: "constraint name check (…)". */
  constraints: string[]
  /** "range (position)"; null if it has no partitions. */
  partitioning: string | null
  /** Whole statements, in the order of their names. */
  indexes: string[]
  triggers: string[]
}

export type Column = { definition: string; comment: string | null }
export type Sequence = { name: string; comment: string | null }
export type View = { name: string; comment: string | null; query: string }
export type SqlFunction = { name: string; definition: string }

export type Schema = {
  sequences: Sequence[]
  tables: Table[]
  views: View[]
  functions: SqlFunction[]
}

/** Reads the schema `public` of the database that the pool is connected to. */
export async function readSchema(pool: pg.Pool): Promise<Schema> {
  const tables = await pool.query(tablesQuery)
  const views = await pool.query(viewsQuery)
  const functions = await pool.query(functionsQuery)
  const sequences = await pool.query(sequencesQuery)
  return {
    sequences: sequences.rows,
    tables: tables.rows,
    views: views.rows,
    functions: functions.rows,
  }
}

// A not-null constraint appears at its column, and that of a key is its index.
const tablesQuery = `
select
  pg_class.relname as name,
  obj_description(pg_class.oid, 'pg_class') as comment,
  (
    select jsonb_agg(
      jsonb_build_object(
        'definition', format('%I %s%s%s%s',
          attname,
          format_type(atttypid, atttypmod),
          (
            select format(' collate %I', collname)
            from pg_collation
            join pg_type on pg_type.oid = atttypid
            where pg_collation.oid = attcollation and attcollation <> typcollation
          ),
          case when attnotnull then ' not null' else '' end,
          case
            when attidentity <> '' then ' generated always as identity'
            else coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
          end
        ),
        'comment', col_description(attrelid, attnum)
      )
      order by attnum
    )
    from pg_attribute
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attrelid = pg_class.oid and attnum > 0 and not attisdropped
  ) as columns,
  (
    select coalesce(jsonb_agg(
      format('constraint %I %s', conname, pg_get_constraintdef(pg_constraint.oid, true))
      order by position('p' in contype) desc, conname
    ), '[]')
    from pg_constraint
    where conrelid = pg_class.oid and contype in ('p', 'u', 'f', 'c')
  ) as constraints,
  pg_get_partkeydef(pg_class.oid) as partitioning,
  (
    select coalesce(jsonb_agg(pg_get_indexdef(indexrelid) order by index.relname), '[]')
    from pg_index
    join pg_class as index on index.oid = indexrelid
    where indrelid = pg_class.oid
      and not exists (select from pg_constraint where conindid = indexrelid)
  ) as indexes,
  (
    select coalesce(jsonb_agg(pg_get_triggerdef(pg_trigger.oid) order by tgname), '[]')
    from pg_trigger
    where tgrelid = pg_class.oid and not tgisinternal
  ) as triggers
from pg_class
where relnamespace = 'public'::regnamespace
  and relkind in ('r', 'p')
  and not relispartition
  and relname not like 'kysely_%'
order by relname`

const viewsQuery = `
select
  relname as name,
  obj_description(oid, 'pg_class') as comment,
  pg_get_viewdef(oid, true) as query
from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'v'
order by relname`

const functionsQuery = `
select proname as name, pg_get_functiondef(oid) as definition
from pg_proc
where pronamespace = 'public'::regnamespace
order by proname`

const sequencesQuery = `
select relname as name, obj_description(oid, 'pg_class') as comment
from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'S'
order by relname`

// A whole database as text, to search for secrets.

import type pg from 'pg'

/** Every row of every table of every schema, a line each. */
export async function dumpOf(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query(`
    select format('select to_jsonb(t)::text as row from %I.%I as t', schemaname, tablename) as query
    from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`)
  const texts: string[] = []
  for (const { query } of rows) {
    for (const { row } of (await pool.query(query)).rows) texts.push(row)
  }
  return texts.join('\n')
}

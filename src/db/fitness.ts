// The requirements on a database, checked once at the start, before anything is changed. Each fault
// is one sentence for an operator.

import type pg from 'pg'
import { openClient } from './session.ts'

const OLDEST_POSTGRES = 150_000

/**
 * Throws an Error with one sentence if the database at `url`, connected by `client`, cannot be
 * used. Reasons: older than 15; not UTF-8; a pooler that gives each transaction another session;
 * tables of an installation in another schema.
 */
export async function refuseUnfitDatabase(url: string, client: pg.Client): Promise<void> {
  const { rows } = await client.query(question, [optionsOf(url)])
  const { number, version, encoding, has_public, elsewhere, asked_path } = rows[0]
  if (number < OLDEST_POSTGRES) {
    throw new Error(`millrace needs PostgreSQL 15 or newer; this server is ${version}.`)
  }
  if (encoding !== 'UTF8') {
    throw new Error(`millrace needs a database in UTF8; this one is in ${encoding}.`)
  }
  if (!has_public) throw new Error('millrace keeps its tables in the schema public: create it.')
  if (elsewhere || asked_path) {
    const found = elsewhere
      ? `tables of millrace are in the schema ${elsewhere} of this database`
      : `DATABASE_URL asks for the search_path ${asked_path}`
    const rule = 'millrace keeps its tables in the schema public, one installation in a database'
    throw new Error(`${rule}; ${found}: give it a database of its own.`)
  }
  if (await isPooledByTransaction(url, client)) {
    const needs = 'millrace needs sessions of its own (LISTEN, advisory locks, prepared statements)'
    throw new Error(
      `${needs}; this is a pooler in transaction mode: connect to Postgres, or pool by session.`,
    )
  }
}

// reset_val is the value from the URL's start-up options. session.ts overrides what a role or a
// database sets.
const question = `
  select
    current_setting('server_version_num')::integer as number,
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    to_regnamespace('public') is not null as has_public,
    (
      select min(relnamespace::regnamespace::text)
      from pg_class
      where relname = 'migration_checksum' and relkind = 'r'
        and to_regclass('public.migration_checksum') is null
    ) as elsewhere,
    (
      select reset_val
      from pg_settings
      where name = 'search_path' and $1::text like '%search_path%'
        and reset_val !~ '^("\\$user", *)?public(,|$)'
    ) as asked_path`

/** The session options in DATABASE_URL. */
function optionsOf(url: string): string {
  return new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('options') ?? ''
}

/**
 * Whether two connections share a session of the server, or one changes its session. Both keep a
 * transaction open meanwhile: otherwise a pooler could hide the sharing.
 */
async function isPooledByTransaction(url: string, client: pg.Client): Promise<boolean> {
  const pidOf = async (asking: pg.Client) =>
    (await asking.query('select pg_backend_pid() as pid')).rows[0].pid
  const first = await pidOf(client)
  const other = await openClient(url, 'millrace migrate', 'patient')
  try {
    await other.query('begin')
    return (await pidOf(other)) === first || (await pidOf(client)) !== first
  } finally {
    await other.end()
  }
}

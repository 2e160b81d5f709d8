// The secrets that tests share, and the search for them in what a test file leaves behind: no
// database and no printed line may hold one.

import type pg from 'pg'
import { ADMIN_TOKEN } from '../../scripts/kit/client.ts'
import { codesOf } from '../../scripts/kit/spellings.ts'

export const AWS_SECRET = 'broker-Secret/0123456789'
export const SENDGRID_KEY = 'SG.a-key-for-tests'

const codes = [ADMIN_TOKEN, AWS_SECRET, SENDGRID_KEY].flatMap((secret) =>
  Object.values(codesOf(secret)).flat(),
)
/** Answers of targets and configuration; payloads of events may hold anything. */
const TABLES = [
  ...['attempt', 'rejected_event', 'config_log', 'consumer', 'api_key', 'export_file'],
  ...['notification_job', 'notification_run', 'notification_sender', '_private_jobs'],
]

/** The first spelling of a shared secret in a text. */
export function sharedSecretIn(text: string): string | undefined {
  return codes.find((code) => text.includes(code))
}

/** The tables that hold a shared secret, in any spelling. */
export async function tablesWithSecrets(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `select tablename, format(
        'select from %I.%I as t
          where exists (select from unnest($1::text[]) as code where strpos(t::text, code) > 0)',
        schemaname, tablename
      ) as query
    from pg_tables
    where tablename = any($1) and schemaname in ('public', 'graphile_worker')`,
    [TABLES],
  )
  const found: string[] = []
  for (const { tablename, query } of rows) {
    if ((await pool.query(query, [codes])).rowCount) found.push(tablename)
  }
  return found
}

// Living SQL: each file of sql/functions holds one function. After the migrations it is applied if
// the database never had its text. The checksums of all texts ever applied are kept. So an older
// program finds its own texts among them: it stays ready, and does not undo a newer program's
// functions. A replaced text is therefore never applied again: to go back to it, change at least a
// comment.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type pg from 'pg'
import type { Logger } from '../logger.ts'

const directory = path.join(import.meta.dirname, '../../sql/functions')

type FunctionFile = { name: string; text: string; checksum: string }

/** The files do not change while the process lives. */
let known: FunctionFile[] | undefined

/** The functions on disk, by name. Each file has the name of its function. */
export function readFunctions(): FunctionFile[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.sql'))
  return names.sort().map((name) => {
    const text = readFileSync(path.join(directory, name), 'utf8')
    const checksum = createHash('sha256').update(text).digest('hex')
    return { name: name.replace(/\.sql$/, ''), text, checksum }
  })
}

/**
 * Applies the functions that this database never had, and grants the roles of sql/roles.sql their
 * rights, in one transaction. The tables must be up to date, and the caller must hold the lock of
 * the migrations. Rejects with an Error that names the failed function.
 */
export async function applyFunctions(client: pg.Client, logger: Logger): Promise<void> {
  const missing = await missingFunctions(client, readFunctions())
  // They call each other, and are created in the order of their names.
  await client.query(`begin; set local lock_timeout = '2s'; set local check_function_bodies = off`)
  try {
    for (const file of missing) await applyFunction(client, file)
    await client.query('select grant_privileges()')
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
  if (missing.length === 0) return
  logger.info({ functions: missing.map(({ name }) => name) }, 'functions replaced')
}

/** Names a function of this program that the database never had, as a sentence; else undefined. */
export async function functionProblem(client: pg.Pool | pg.Client): Promise<string | undefined> {
  known ??= readFunctions()
  const [missing] = await missingFunctions(client, known)
  return missing
    ? `The SQL function ${missing.name} is missing, or an older one: millrace migrate`
    : undefined
}

/**
 * Names a table on which the service's role has no rights, as a sentence; undefined if there is
 * none, or no such role. A process killed between a migration and the grants leaves one.
 */
export async function privilegeProblem(client: pg.Pool | pg.Client): Promise<string | undefined> {
  const { rows } = await client.query(`
    select pg_class.oid::regclass::text as name
    from pg_class
    join pg_class as ours on ours.oid = to_regclass('migration_checksum')
    where pg_class.relowner = ours.relowner
      and pg_class.relnamespace in (ours.relnamespace, to_regnamespace('graphile_worker'))
      and pg_class.relkind in ('r', 'p') and not pg_class.relispartition
      -- Nobody may read a detached partition.
      and not is_partition_name(pg_class.relname)
      and not has_table_privilege(to_regrole('millrace_service')::oid, pg_class.oid, 'select')
    limit 1`)
  return rows[0]
    ? `The role millrace_service has no rights on ${rows[0].name}: millrace migrate`
    : undefined
}

async function applyFunction(client: pg.Client, { name, text, checksum }: FunctionFile) {
  try {
    await client.query(text)
  } catch (error) {
    const { message } = error as Error
    throw new Error(`The function ${name} cannot be created: ${message}`, { cause: error })
  }
  await client.query('insert into function_checksum (name, checksum) values ($1, $2)', [
    name,
    checksum,
  ])
}

async function missingFunctions(
  client: pg.Pool | pg.Client,
  files: FunctionFile[],
): Promise<FunctionFile[]> {
  const exists = await client.query(`select to_regclass('function_checksum') is not null as yes`)
  if (!exists.rows[0].yes) return files
  const { rows } = await client.query('select name, checksum from function_checksum')
  const applied = new Set(rows.map(({ name, checksum }) => `${name} ${checksum}`))
  return files.filter(({ name, checksum }) => !applied.has(`${name} ${checksum}`))
}

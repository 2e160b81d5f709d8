// The auditor's role of sql/roles.sql: it runs every script that only reads, sees no secret, sealed
// or hashed, and changes nothing.

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readScripts } from '../../src/cli/script.ts'
import { answersOf, readCall } from '../../src/cli/sql.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole, makeRoles } from '../helpers/postgres.ts'
import { seed } from './seed.ts'

const database = useDatabase()
const url = () => asRole(database.url, 'auditor')
const HASH = '5e'.repeat(32)
const URL_OF_BEFORE = 'https://user:pa"s\\s@word@sender.example/path'
const SEALED = { api_key: 'sealed:v1:c2VjcmV0', nested: { list: ['sealed:v1:c2VjcmV0'] } }
let auditor: pg.Client

beforeAll(async () => {
  // The rights on the database itself are not copied from the template.
  await makeRoles(database.adminUrl)
  await seed(database.admin.pool)
  const { pool } = database.admin
  await pool.query(
    `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
       document)
     values ('dodici', position_of('2026-03-11T23:00Z'), 'integration', 'secret', 1,
       'integration_started', 'running', 'ada', 'A test.', $1)`,
    [{ ...SEALED, url: URL_OF_BEFORE }],
  )
  await pool.query(`update consumer set document = document || $1`, [SEALED])
  await pool.query(`insert into notification_sender values ('dodici', 1, $1, 1)`, [SEALED])
  await pool.query(
    `insert into api_key (id, name, secret_sha256, tenants, scopes, created_by)
     values ('0123456789ab', 'erp', '\\x${HASH}', '{dodici}', '{read}', 'ada')`,
  )
  await pool.query(`select graphile_worker.add_job('advance', '{"x": "sealed:v1:c2VjcmV0"}')`)
  auditor = new pg.Client({ connectionString: url() })
  await auditor.connect()
})
afterAll(() => auditor.end())

const reading = readScripts().filter(({ effect }) => effect === 'Reads only.')
it.each(reading)('runs $name', async ({ name, variables }) => {
  const given = variables.map((variable) => `${variable.name}=${variable.example}`)
  const answers = await answersOf(url(), readCall([name, ...given]))
  expect(answers).toHaveLength(1)
})

/** Every table, partition and view, with its columns. */
async function relations(): Promise<{ name: string; columns: string[] }[]> {
  const { rows } = await database.admin.pool.query(`
    select pg_class.oid::regclass::text as name,
      array_agg(quote_ident(attname) order by attnum) as columns
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
    where relnamespace in ('public'::regnamespace, 'graphile_worker'::regnamespace)
      and relkind in ('r', 'p', 'v')
    group by pg_class.oid`)
  return rows
}

describe('what it may read', () => {
  it('holds no secret', async () => {
    const seen = new Map<string, string>()
    for (const { name, columns } of await relations()) {
      for (const column of columns) {
        const answer = await auditor.query(`select ${column}::text from ${name}`).catch(() => null)
        if (answer) seen.set(`${name}.${column}`, JSON.stringify(answer.rows))
      }
    }
    // It did look, also where a secret was masked.
    expect(seen.get('masked_config_log.document')).toContain('***')
    expect(seen.get('masked_config_log.document')).toContain('https://***@sender.example/path')
    expect([...seen.values()].filter((text) => /pa\W+s\W+s@word/.test(text))).toEqual([])
    expect(seen.get('event.payload')).toContain('25.080')
    const telling = [...seen].filter(([, text]) => /sealed:v?1:/.test(text) || text.includes(HASH))
    expect(telling.map(([column]) => column)).toEqual([])
  })

  it.each([
    'select document from config_log',
    'select * from config_log',
    'select document from consumer',
    'select document from integration',
    'select document from notification_sender',
    'select secret_sha256 from api_key',
    'select * from rebuilt_consumer()',
    'select * from rebuilt_api_key()',
    'select payload from graphile_worker._private_jobs',
    'select * from graphile_worker.jobs',
    'select rolpassword from pg_authid',
    `select pg_read_file('PG_VERSION')`,
  ])('is not: %s', async (statement) => {
    await expect(auditor.query(statement)).rejects.toMatchObject({ code: '42501' })
  })
})

describe('what it may change', () => {
  it('is nothing by mistake', async () => {
    const written = auditor.query(`delete from cursor`)
    await expect(written).rejects.toMatchObject({ code: '25006' })
  })

  it('is nothing on purpose', async () => {
    await auditor.query('set default_transaction_read_only = off')
    const done: string[] = []
    for (const { name, columns } of await relations()) {
      const [column] = columns
      for (const statement of [
        `insert into ${name} default values`,
        `update ${name} set ${column} = ${column}`,
        `delete from ${name}`,
        `truncate ${name}`,
        `alter table ${name} add column x integer`,
        `drop ${name.includes('jobs') ? 'view' : 'table'} ${name}`,
        `lock table ${name} in exclusive mode`,
      ]) {
        const failed = await auditor.query(statement).catch((error) => error.code as string)
        if (typeof failed !== 'string') done.push(statement)
      }
    }
    expect(done).toEqual([])
  })

  it.each([
    'create table x (y integer)',
    'create temporary table x (y integer)',
    'create schema x',
    'create function x() returns integer language sql return 1',
    `select setval('lane_position', 1)`,
    `select publish_event('dodici', 'order.created', 'o', 'k', '{}')`,
    `select note_consumer('dodici', 'erp', 'x', 'x', 'x')`,
    `select rebuild_consumer('dodici', 'erp', null)`,
    `select create_partition('event', current_date, 1)`,
    `select retire_partition('event_20260311')`,
    `select graphile_worker.add_job('advance', '{}')`,
    'set role millrace_service',
  ])('is not: %s', async (statement) => {
    await expect(auditor.query(statement)).rejects.toMatchObject({ code: '42501' })
  })
})

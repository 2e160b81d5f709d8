// The roles of sql/roles.sql: what is evidence nobody truncates, the service changes no definition
// and no evidence, it starts without a right to migrate, and an installation of one role can be
// given to them.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
import { migrate, prepareSchema } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { appendEvents } from '../../src/log/append.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import { createLogger } from '../../src/logger.ts'
import { retirePartitions } from '../../src/maintenance/retention.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'
import { asRole, makeRoles } from '../helpers/postgres.ts'
import { startService } from '../helpers/service.ts'

const database = useDatabase()
const logger = createLogger('silent')
const today = new Date().toISOString().slice(0, 10).replaceAll('-', '')

describe('evidence', () => {
  it.each([
    ...['event', 'event_key', 'receipt', 'attempt', 'config_log', 'api_key'],
    ...['event', 'receipt', 'attempt'].map((table) => `${table}_${today}`),
  ])('%s refuses truncate, of whoever may', async (table) => {
    const truncated = database.admin.pool.query(`truncate ${table}`)
    await expect(truncated).rejects.toMatchObject({ code: 'MR003' })
  })

  it('refuses it in a partition that was there before', async () => {
    const { rows } = await database.admin.pool.query(`
      select relname from pg_class
      where relispartition and relkind = 'r' and relnamespace = 'public'::regnamespace
        and not exists (
          select from pg_trigger where tgrelid = pg_class.oid and tgname = 'refuses_truncate'
        )`)
    expect(rows).toEqual([])
  })
})

describe('the service', () => {
  beforeAll(async () => {
    await appendEvents(database.pool, [anEvent()])
  })

  it.each([
    ...['event', 'config_log', 'receipt', 'attempt', 'event_key'].flatMap((table) => [
      `update ${table} set tenant = tenant`,
      `delete from ${table}`,
      `truncate ${table}`,
    ]),
    `delete from event_${today}`,
    `drop table event_${today}`,
    `alter table event detach partition event_${today}`,
    `alter table event disable trigger event_is_immutable`,
    `update api_key set scopes = '{admin}'`,
    `delete from api_key`,
    `insert into migration_checksum values ('x', 'x')`,
    `update graphile_worker.migrations set breaking = true`,
    `truncate cursor`,
    `create table public.x (y integer)`,
    `create function public.x() returns integer language sql return 1`,
    `create schema x`,
    `create role x`,
    `alter table cursor add column x integer`,
    `set role millrace_owner`,
    `select grant_privileges()`,
    `select pg_read_file('/etc/passwd')`,
  ])('may not: %s', async (statement) => {
    await expect(database.pool.query(statement)).rejects.toMatchObject({ code: '42501' })
  })

  it('may not remove a day that is young, or what is no day of the log', async () => {
    for (const table of [`event_${today}`, 'config_log', 'cursor']) {
      const retired = database.pool.query(`select retire_partition('${table}')`)
      await expect(retired).rejects.toMatchObject({ code: '22023' })
    }
    const made = database.pool.query(`select create_partition('config_log', current_date, 1)`)
    await expect(made).rejects.toMatchObject({ code: '22023' })
  })

  it.each([
    ['event', 'current_date + 7', 3650],
    ['event', 'current_date + 8', 1],
    ['event', 'current_date - 100', 30],
    ['receipt', 'current_date + 30', 1],
    ['event_key', 'current_date', 1],
    ['event_key', `date '1970-01-01' + (current_date - date '1970-01-01') / 30 * 30 + 60`, 30],
    ['event_key', `date '1970-01-01' + (current_date - date '1970-01-01') / 30 * 30 - 299`, 30],
  ])('may not cut the days to come: %s from %s, %s days', async (table, day, days) => {
    const made = database.pool.query(`select create_partition('${table}', ${day}, ${days})`)
    await expect(made).rejects.toMatchObject({ code: '22023' })
  })

  it('leaves a day that somebody reads, and removes it later', async () => {
    const { rows } = await database.pool.query(
      `select create_partition('event', current_date - 50, 1),
         'event_' || to_char(current_date - 50, 'YYYYMMDD') as name`,
    )
    const reader = await database.pool.connect()
    await reader.query(`begin; select from event limit 1`)
    const began = performance.now()
    const retired = database.pool.query(`select retire_partition('${rows[0].name}')`)
    const published = appendEvents(database.pool, [anEvent()])
    await expect(retired).rejects.toMatchObject({ code: '55P03' })
    await published
    // Bounded by the function, not by the reader, who would stay.
    expect(performance.now() - began).toBeLessThan(5_000)
    await reader.query('rollback')
    reader.release()
    expect(await retirePartitions(database.pool, 40)).toEqual([rows[0].name])
  })

  it('starts if nothing is to be migrated, and says who may if something is', async () => {
    await prepareSchema(database.url, logger)
    await database.admin.pool.query(`delete from function_checksum where name = 'is_due'`)
    await expect(prepareSchema(database.url, logger)).rejects.toThrow(
      'The schema needs a migration, and the role millrace_service may not: ' +
        'run "millrace migrate" as millrace_owner.',
    )
    await migrate(asRole(database.url, 'owner'), logger)
    await prepareSchema(database.url, logger)
  })

  it('is given by migrate what a migration that was cut off did not grant', async () => {
    const { pool } = database.admin
    for (const table of ['notice', 'graphile_worker._private_jobs']) {
      await pool.query(`revoke all on ${table} from millrace_service`)
      await expect(prepareSchema(database.url, logger)).rejects.toThrow(/needs a migration/)
      await prepareSchema(asRole(database.url, 'owner'), logger)
      await database.pool.query(`select from ${table}`)
    }
  })

  it('and everybody else runs no DDL if nothing is to be migrated', async () => {
    await database.admin.pool.query(`
      create function refuse_ddl() returns event_trigger language plpgsql as $$
      begin
        raise exception 'refused: %', tg_tag;
      end
      $$;
      create event trigger refuse_ddl on ddl_command_start execute function refuse_ddl()`)
    for (const url of [database.url, database.adminUrl]) {
      await prepareSchema(url, logger)
      const service = await startService('start', { DATABASE_URL: url })
      expect(service.output()).not.toContain('refused')
      expect(await service.kill('SIGTERM')).toBe(0)
    }
    await database.admin.pool.query('drop event trigger refuse_ddl; drop function refuse_ddl')
  })

  it('sees that the job runner’s tables are those of an older one', async () => {
    const { rows } = await database.admin.pool.query(
      `delete from graphile_worker.migrations
       where id = (select max(id) from graphile_worker.migrations) returning id, breaking`,
    )
    await expect(prepareSchema(database.url, logger)).rejects.toThrow(/needs a migration/)
    await database.admin.pool.query(
      'insert into graphile_worker.migrations values ($1, now(), $2)',
      [rows[0].id, rows[0].breaking],
    )
  })
})

describe('an administrator who is no superuser', () => {
  const name = `managed_${process.pid}`
  const url = () => databaseUrl(inject('serverUrl'), name).replace(/\/\/([^@/]*@)?/, `//${name}:x@`)
  afterAll(() =>
    query(inject('serverUrl'), `drop database ${name} with (force)`).then(() =>
      query(inject('serverUrl'), `drop role ${name}`),
    ),
  )

  it('gives an installation of one role to the roles, and is none of them afterwards', async () => {
    const server = (text: string) => query(inject('serverUrl'), text)
    const { rows: servers } = await server('show server_version_num')
    await server(`create role ${name} login createrole password 'x'`)
    // What who makes roles gets from 16 on.
    if (Number(servers[0].server_version_num) >= 160_000) {
      await server(`grant millrace_owner, millrace_service, millrace_auditor to ${name}
        with admin true, inherit false, set false`)
    }
    await server(`create database ${name} owner ${name}`)
    await migrate(url(), logger)
    await query(url(), readFileSync('sql/roles.sql', 'utf8'))
    const { rows } = await query(
      url(),
      `select tableowner, pg_has_role('millrace_owner', 'usage') as is_member
       from pg_tables where tablename = 'event'`,
    )
    expect(rows).toEqual([{ tableowner: 'millrace_owner', is_member: false }])
  })
})

describe('an installation of one role', () => {
  const name = `one_role_${process.pid}`
  const url = () => databaseUrl(inject('serverUrl'), name)
  beforeAll(() => query(inject('serverUrl'), `create database ${name}`))
  afterAll(() => query(inject('serverUrl'), `drop database ${name} with (force)`))

  it('is refused to a service on an empty database', async () => {
    await expect(migrate(asRole(url(), 'service'), logger)).rejects.toThrow(
      /millrace_service may not: run "millrace migrate" as a role that may create tables/,
    )
  })

  it('is given to the roles by sql/roles.sql, once or twice', async () => {
    await migrate(url(), logger)
    for (let run = 0; run < 2; run++) await makeRoles(url())
    const { rows } = await query(
      url(),
      `select oid::regclass::text as name from pg_class
       where relnamespace in ('public'::regnamespace, 'graphile_worker'::regnamespace)
         and relowner <> 'millrace_owner'::regrole
       union all
       select oid::regprocedure::text from pg_proc
       where pronamespace in ('public'::regnamespace, 'graphile_worker'::regnamespace)
         and proowner <> 'millrace_owner'::regrole`,
    )
    expect(rows).toEqual([])
  })

  it('publishes, makes partitions and adds jobs as the service from then on', async () => {
    await migrate(asRole(url(), 'owner'), logger)
    const own = openDatabase(asRole(url(), 'service'), { durability: 'durable', max: 2, logger })
    expect(await createPartitions(own.pool)).toBeGreaterThan(0)
    expect(await appendEvents(own.pool, [anEvent()])).toMatchObject([{ outcome: 'appended' }])
    await own.pool.query(`select graphile_worker.add_job('advance', '{}')`)
    const { rowCount } = await own.pool.query('select from graphile_worker.jobs')
    expect(rowCount).toBe(1)
    const { rowCount: seen } = await own.pool.query('select from graphile_worker._private_jobs')
    expect(seen).toBe(1)
    await own.close()
  })
})

// The migration that brings keys and deleted jobs into the config log: after it the log tells what
// the tables have, at the times of then, and records whoever makes a key, an older process too.

import { beforeAll, expect, it } from 'vitest'
import type { ShownLine } from '../../src/cli/output.ts'
import { rebuildConfig } from '../../src/cli/rebuild-config.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { undoConfigLog } from '../helpers/undo.ts'

const database = useDatabase()

/** Of 09:00:00, 10:00:00, … */
const at = (hour: string) => `2026-03-11T${hour}Z`
const MAKER = 'API key aaaaaaaaaaaa (a)'
const JOB = { notification: 'PRICE_DROP', template_id: 'd-1', deleted: true }

async function rebuilt(apply = false) {
  const lines: ShownLine[] = []
  await rebuildConfig(database.url, { apply }, (_, shown) => lines.push(...shown()))
  return lines
}

beforeAll(async () => {
  const { pool } = database.admin
  await pool.query(undoConfigLog)
  await pool.query(`
    insert into api_key (
      id, name, secret_sha256, tenants, scopes, created_at, created_by, expires_at, rate
    ) values
      ('aaaaaaaaaaaa', 'a', sha256('a'), '{dodici,rival}', '{admin}', '${at('09:00:00.000001')}',
        'ada', '${at('20:00:00')}', 5),
      ('bbbbbbbbbbbb', 'b', sha256('b'), '{*}', '{read}', '${at('10:00:00')}', 'ada', null, null),
      ('eeeeeeeeeeee', 'e', sha256('e'), '{rival}', '{read}', '${at('10:30:00')}', '${MAKER}', null,
        null);
    update api_key set revoked_at = '${at('11:00:00.000001')}',
      revoked_by = 'ben, with ${MAKER} that made it'
    where name = 'e';
    update api_key set revoked_at = '${at('11:00:00')}', revoked_by = 'ben' where name = 'a'`)
  await pool.query(
    `insert into notification_job (
       tenant, id, version, document, created_position, changed_position, through_position
     ) values ('dodici', 'gone', 2, $1, position_of($2), position_of($3), position_of($2))`,
    [JOB, at('08:00:00'), at('12:00:00')],
  )
  // One of them where the entry of a key would stand.
  await pool.query(
    `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
       document)
     values
       ('dodici', position_of($2), 'job', 'job:gone', 1, 'job_created', 'running', 'ada', 'x', $1),
       ('dodici', position_of($3), 'job', 'job:gone', 2, 'job_deleted', 'removed', 'x', 'x', null),
       ('dodici', position_of($4), 'job', 'job:gone', 1, 'run_failed', 'running', 'x', 'x', $1)`,
    [{ ...JOB, deleted: false }, at('08:00:00'), at('12:00:00'), at('09:00:00.000001')],
  )
  await migrate(asRole(database.url, 'owner'), createLogger('silent'))
})

it('finds no difference afterwards', async () => {
  expect(await rebuilt()).toEqual([
    'consumer: 0 in the log, the same',
    'notification_job: 1 in the log, the same',
    'notification_sender: 0 in the log, the same',
    'registered_event_type: 0 in the log, the same',
    'api_key: 3 in the log, the same',
  ])
})

it('has recorded each key at its time, and says that it was later', async () => {
  const { rows } = await database.pool.query(`
    select tenant, id, to_char(time_of(position) at time zone 'UTC', 'HH24:MI:SS.US') as time,
      action, actor, reason
    from config_log where kind = 'key' order by tenant, position`)
  const reason = 'Recorded by the migration that brought keys into this log.'
  const entry = (tenant: string, name: string, time: string, action: string, actor: string) => ({
    tenant,
    time,
    action,
    actor,
    reason,
    id: `key:${name.repeat(12)}`,
  })
  expect(rows).toEqual([
    entry('*', 'b', '10:00:00.000000', 'key_created', 'ada'),
    entry('dodici', 'a', '09:00:00.000002', 'key_created', 'ada'),
    entry('dodici', 'a', '11:00:00.000000', 'key_revoked', 'ben'),
    entry('rival', 'a', '09:00:00.000001', 'key_created', 'ada'),
    entry('rival', 'e', '10:30:00.000000', 'key_created', MAKER),
    entry('rival', 'a', '11:00:00.000000', 'key_revoked', 'ben'),
    {
      ...entry('rival', 'e', '11:00:00.000001', 'key_revoked', 'ben'),
      reason: `Revoked with ${MAKER} that made it. ${reason}`,
    },
  ])
})

it('records what a process of before makes and revokes, by its own calls', async () => {
  await database.pool.query(`
    select create_key('cccccccccccc', 'c', sha256('c'), '{dodici}', '{read}', null, null, null,
      null, 'ada', null, 10);
    select revoke_key('bbbbbbbbbbbb', 'cleo')`)
  const { rows } = await database.pool.query(
    `select id, action, actor from config_log
     where position > position_of(now() - interval '1 hour') order by position`,
  )
  expect(rows).toEqual([
    { id: 'key:cccccccccccc', action: 'key_created', actor: 'ada' },
    { id: 'key:bbbbbbbbbbbb', action: 'key_revoked', actor: 'cleo' },
  ])
  expect((await rebuilt()).at(-1)).toBe('api_key: 4 in the log, the same')
})

it('takes the last document of a job that a process of before has deleted meanwhile', async () => {
  await database.admin.pool.query(`
    insert into config_log (tenant, position, kind, id, version, action, status, actor, reason)
    values ('dodici', position_of(now()), 'job', 'job:gone', 3, 'job_deleted', 'removed', 'x', 'x');
    delete from notification_job`)
  expect((await rebuilt(true)).slice(0, 1)).toEqual([
    'notification_job dodici gone: missing: restored',
  ])
  const { rows } = await database.pool.query('select document, version from notification_job')
  expect(rows).toEqual([{ document: JOB, version: 3 }])
})

it('refuses a database clock that is too far ahead, as every other change does', async () => {
  const past = "position_of(now() - interval '1 minute')"
  const made = database.pool.query(`
    select create_key('dddddddddddd', 'd', sha256('d'), '{dodici}', '{read}', null, null, null,
      null, 'ada', null, 10, ${past})`)
  await expect(made).rejects.toMatchObject({ code: 'MR004' })
  const revoked = database.pool.query(`select revoke_key('cccccccccccc', 'ada', ${past})`)
  await expect(revoked).rejects.toMatchObject({ code: 'MR004' })
  const { rows } = await database.pool.query(
    `select revoked_at from api_key where id in ('cccccccccccc', 'dddddddddddd')`,
  )
  expect(rows).toEqual([{ revoked_at: null }])
})

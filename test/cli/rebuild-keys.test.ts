// Keys that somebody has altered in the table, behind its trigger: the log does not learn of it.

import { expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { rebuilt } from './rebuilding.ts'

const database = useDatabase()
const ID = 'aaaaaaaaaaaa'
const owner = () => asRole(database.adminUrl, 'owner')
const entries = async () => {
  const { rows } = await database.admin.pool.query(
    `select tenant, version, document -> 'tenants' as tenants,
       document ->> 'revoked_by' as revoked_by
     from config_log where kind = 'key' order by position, tenant`,
  )
  return rows
}
/** As the owner of the table may. */
const alter = (tenant: string) =>
  database.admin.pool.query(`
    alter table api_key disable trigger api_key_may_only_be_revoked;
    update api_key set tenants = '{${tenant}}';
    alter table api_key enable trigger api_key_may_only_be_revoked`)
const created = (tenant: string) => ({
  tenant,
  version: 1,
  tenants: ['t1', 't2'],
  revoked_by: null,
})

it('reads the entries of one key alone', async () => {
  const client = await database.pool.connect()
  await client.query('begin; set local enable_seqscan = off')
  const { rows } = await client.query(`explain select from newest_key() where log_id = 'key:${ID}'`)
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(
    `Index Cond: (id = 'key:${ID}'::text)`,
  )
  await client.query('rollback')
  client.release()
})

it('are reported, stay out of the log, and are put right', async () => {
  await database.pool.query(`
    select create_key('${ID}', 'a', sha256('a'), '{t1,t2}', '{read}', null, null, null, null,
      'ada', null, 10)`)
  await alter('t9')
  expect(await entries()).toEqual([created('t1'), created('t2')])
  const { isSame, lines } = await rebuilt(database)
  expect(isSame).toBe(false)
  expect(lines.slice(4, 6)).toEqual(['api_key: 1 in the log, 1 differ', `  api_key ${ID}: tenants`])
  expect(await rebuilt(database, { apply: true, url: owner() })).toMatchObject({ isSame: true })
  const { rows } = await database.pool.query('select tenants from api_key')
  expect(rows).toEqual([{ tenants: ['t1', 't2'] }])
  expect(await entries()).toEqual([created('t1'), created('t2')])
})

it('are told by their first entry, where a log of before has one of what was altered', async () => {
  await alter('t9')
  await database.admin.pool.query(`
    insert into config_log
    select 't9', position + 1, kind, id, version, action, status, actor, reason,
      document || '{"tenants": ["t9"]}'
    from config_log where tenant = 't1'`)
  expect((await rebuilt(database)).lines).toContain(`  api_key ${ID}: tenants`)
})

it('are revoked for those whom they were made for, as they were made', async () => {
  const before = (await entries()).length
  await database.pool.query(`select revoke_key('${ID}', 'ben')`)
  const revoked = (tenant: string) => ({ ...created(tenant), version: 2, revoked_by: 'ben' })
  expect((await entries()).slice(before)).toMatchObject([revoked('t1'), revoked('t2'), {}])
  expect((await rebuilt(database)).lines).toContain(`  api_key ${ID}: tenants`)
  expect(await rebuilt(database, { apply: true, url: owner() })).toMatchObject({ isSame: true })
  const { rows } = await database.pool.query('select tenants, revoked_by from api_key')
  expect(rows).toEqual([{ tenants: ['t1', 't2'], revoked_by: 'ben' }])
})

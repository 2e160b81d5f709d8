// The audits of changes and of the configuration, as to keys: those of the tenant and those of
// every tenant, and none of another's.

import { beforeAll, expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { pick, rowsOf } from './rows.ts'
import { at, positionAt } from './seed.ts'

const database = useDatabase()
const DAY = ['tenant=dodici', 'from=2026-03-11', 'to=2026-03-12']
const ask = (...args: string[]) => rowsOf(asRole(database.url, 'auditor'), ...args)

const key = (tenant: string, id: string, more: object = {}) => ({ tenant, id, ...more })
beforeAll(async () => {
  for (const { tenant, id, ...more } of [
    key('dodici', 'aaaaaaaaaaaa', { expires_at: at('11T14:20:00') }),
    key('*', 'bbbbbbbbbbbb'),
    key('another', 'cccccccccccc'),
  ]) {
    await database.admin.pool.query(
      `insert into config_log (tenant, position, kind, id, version, action, status, actor, reason,
         document)
       select $1, position, 'key', 'key:' || $2, version, action, status, 'ada', 'A test.', $3
       from (values
         ($4::bigint, 1, 'key_created', 'running'), ($5::bigint, 2, 'key_revoked', 'removed')
       ) as entry (position, version, action, status)`,
      [
        ...[tenant, id],
        { name: `of ${tenant}`, secret_sha256: 'x', ...more },
        ...[positionAt('11T14:00'), positionAt('11T14:30')],
      ],
    )
  }
})

it('show those of the tenant, and those of every tenant, with their names', async () => {
  const rows = await ask('audit/changes', ...DAY)
  const keys = rows.filter(({ kind }) => kind === 'key')
  expect(pick(keys, 'id', 'name', 'action', 'actor')).toEqual([
    ['key:aaaaaaaaaaaa', 'of dodici', 'key_created', 'ada'],
    ['key:bbbbbbbbbbbb', 'of *', 'key_created', 'ada'],
    ['key:aaaaaaaaaaaa', 'of dodici', 'key_revoked', 'ada'],
    ['key:bbbbbbbbbbbb', 'of *', 'key_revoked', 'ada'],
  ])
  expect(keys[0]).toMatchObject({ before: null, after: { secret_sha256: '***' } })
  const one = await ask('audit/changes', ...DAY, 'integration=key:bbbbbbbbbbbb')
  expect(pick(one, 'action')).toEqual([['key_created'], ['key_revoked']])
})

it('show what was in force at a moment: neither an expired key nor a revoked one', async () => {
  const keysAt = async (time: string) => {
    const rows = await ask('audit/configuration-as-of', 'tenant=dodici', `at=${at(time)}`)
    return rows.filter(({ kind }) => kind === 'key').map(({ id }) => String(id).slice(0, 5))
  }
  expect(await keysAt('11T13:00:00')).toEqual([])
  expect(await keysAt('11T14:10:00')).toEqual(['key:a', 'key:b'])
  expect(await keysAt('11T14:20:00')).toEqual(['key:b'])
  expect(await keysAt('11T14:40:00')).toEqual([])
})

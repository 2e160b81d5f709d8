// Changes of configuration: the log and the projection agree, and races have one winner.

import { describe, expect, it } from 'vitest'
import { limits } from '../../src/config.ts'
import { changeConsumer, registerConsumer, startConsumer } from '../../src/consumer/change.ts'
import { appendEvents } from '../../src/log/append.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const document = {
  integration_type: 'permanent' as const,
  callback_parameters: { callback_url: 'http://a.example' },
}
const most = limits.integrationsPerTenant
const who = { actor: 'ada', reason: 'A test.' }
const register = (tenant: string, id: string) =>
  registerConsumer(database.kysely, tenant, id, { kind: 'integration', ...who, document, most })
const command = async (tenant: string, what: 'stop' | 'update' | 'remove') =>
  (await changeConsumer(database.kysely, tenant, 'erp', { ...who, command: what })).outcome
const start = async (tenant: string, oldestRestart: number) =>
  (await startConsumer(database.kysely, tenant, 'erp', { ...who, oldestRestart })).outcome
const history = async (tenant: string) =>
  (
    await database.pool.query(
      `select position, action, status, version, actor, reason, document
       from config_log where tenant = $1 order by position`,
      [tenant],
    )
  ).rows

describe('a change', () => {
  it('writes the log and the projection together', async () => {
    await register('whole', 'erp')
    expect(await command('whole', 'update')).toBe('refused')
    expect(await command('whole', 'stop')).toBe('changed')
    expect(await command('whole', 'stop')).toBe('unchanged')
    expect(await start('whole', 0)).toBe('changed')
    expect(await start('whole', 0)).toBe('unchanged')
    expect(await command('whole', 'remove')).toBe('changed')
    expect(await command('whole', 'remove')).toBe('absent')
    expect(await history('whole')).toMatchObject([
      { action: 'integration_started', status: 'running', version: 1, document },
      { action: 'integration_stopped', status: 'stopped', version: 2, actor: 'ada' },
      { action: 'integration_started', status: 'running', version: 3 },
      { action: 'integration_deleted', status: 'removed', version: 4, document: null },
    ])
    const { rows } = await database.pool.query(
      `select from integration where tenant = 'whole'
       union all select from cursor where tenant = 'whole'`,
    )
    expect(rows).toEqual([])
  })

  it('begins exactly at its own position: from now on', async () => {
    const [before] = await appendEvents(database.pool, [anEvent()])
    await register('dodici', 'now')
    const [after] = await appendEvents(database.pool, [anEvent()])
    const { rows } = await database.pool.query(`select read_position from cursor`)
    expect(rows[0].read_position).toBeGreaterThan(before?.position as number)
    expect(rows[0].read_position).toBeLessThan(after?.position as number)
  })

  it('goes on where it stopped, or from now where that is too long ago', async () => {
    const { tenant } = { tenant: 'pause' }
    const read = async () =>
      (await database.pool.query(`select read_position from cursor where tenant = 'pause'`)).rows[0]
        .read_position
    await register(tenant, 'erp')
    const registered = await read()
    await command(tenant, 'stop')
    await start(tenant, registered)
    expect(await read()).toBe(registered)
    await command(tenant, 'stop')
    await start(tenant, (Date.now() + 60_000) * 1000)
    expect(await read()).toBeGreaterThan(registered)
    const { rows } = await database.pool.query(
      `select reason from config_log where tenant = 'pause' order by position desc limit 1`,
    )
    expect(rows[0].reason).toMatch(/too long ago: it goes on from now/)
  })

  it('counts from the stop, whatever was changed since', async () => {
    await register('patched', 'erp')
    await command('patched', 'stop')
    const stopped = (await history('patched')).at(-1)?.position
    await command('patched', 'update')
    await start('patched', stopped + 1)
    const entry = (await history('patched')).at(-1)
    expect(entry.reason).toMatch(/too long ago: it goes on from now/)
    const { rows } = await database.pool.query(
      `select stopped_position, read_position from consumer join cursor using (tenant)
       where tenant = 'patched'`,
    )
    expect(rows).toEqual([{ stopped_position: null, read_position: entry.position }])
  })

  it('keeps the position of the stop until the next start', async () => {
    const stopped = async () =>
      (await database.pool.query(`select stopped_position from consumer where tenant = 'stopped'`))
        .rows[0].stopped_position
    await register('stopped', 'erp')
    expect(await stopped()).toBeNull()
    await command('stopped', 'stop')
    const { position } = (await history('stopped')).at(-1)
    expect(await stopped()).toBe(position)
    await command('stopped', 'update')
    expect(await stopped()).toBe(position)
    await start('stopped', 0)
    expect(await stopped()).toBeNull()
  })

  it('decides anew where another change came first', async () => {
    await register('busy', 'erp')
    const commands = ['stop', 'stop', 'remove'] as const
    const outcomes = await Promise.all(commands.map((what) => command('busy', what)))
    expect(outcomes.filter((outcome) => outcome === 'changed').length).toBeGreaterThan(0)
    expect(await command('busy', 'stop')).toBe('absent')
    const versions = (await history('busy')).map(({ version }) => version)
    expect(versions).toEqual(versions.map((_, i) => i + 1))
  })

  it('lets one of many registrations of an id win', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => register('race', 'erp')))
    expect(outcomes.filter((outcome) => outcome === 'registered')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(7)
  })

  it('lets no race pass the limit', async () => {
    const ids = Array.from({ length: 2 * limits.integrationsPerTenant }, (_, i) => `erp-${i}`)
    const outcomes = await Promise.all(ids.map((id) => register('full', id)))
    expect(outcomes.filter((outcome) => outcome === 'registered')).toHaveLength(10)
    expect(outcomes.filter((outcome) => outcome === 'full')).toHaveLength(10)
    expect(await history('full')).toHaveLength(10)
  })

  it('cannot be rewritten', async () => {
    await register('kept', 'erp')
    const statement = `delete from config_log where tenant = 'kept'`
    await expect(database.admin.pool.query(statement)).rejects.toMatchObject({ code: 'MR003' })
  })
})

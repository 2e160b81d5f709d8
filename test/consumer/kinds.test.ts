// Kinds of consumers: each has its own names and its own limit, and the API of one never shows or
// changes another.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, register } from '../../scripts/kit/client.ts'
import { changeConsumer, registerConsumer } from '../../src/consumer/change.ts'
import { consumerIdOf } from '../../src/consumer/consumer.ts'
import { useDatabase } from '../helpers/database.ts'
import { type Service, startService } from '../helpers/service.ts'

const database = useDatabase()
const who = { actor: 'ada', reason: 'A test.' }
let service: Service
const id = consumerIdOf('subscription', 'crm')
const registerSubscription = (most: number, name = id, status: 'running' | 'stopped' = 'stopped') =>
  registerConsumer(database.kysely, 'dodici', name, {
    kind: 'subscription',
    ...who,
    document: { entityType: 'ORDER' },
    status,
    most,
  })

beforeAll(async () => {
  service = await startService('serve', { DATABASE_URL: database.url })
  expect(await registerSubscription(1)).toBe('registered')
})
afterAll(() => service.kill('SIGKILL'))

describe('a consumer of another kind', () => {
  it('is no integration of the API, whatever is asked of it', async () => {
    const list = await call(service.url + EVENTSTREAM)
    expect(list.body).toEqual({ integrations: [] })
    const operations = [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/_start'],
      ['POST', '/_stop'],
      ['POST', '/_rotate_signing_secret'],
      ['GET', '/logs'],
      ['GET', '/stats'],
      ['GET', '/files'],
      ['GET', '/rejected_events'],
      ['DELETE', '/rejected_events'],
      ['POST', '/rejected_events/_retry'],
    ] as const
    for (const [method, path] of operations) {
      for (const name of [id, encodeURIComponent(id)]) {
        const options =
          method === 'GET' || method === 'DELETE' ? { method } : { method, body: '{}' }
        const reply = await call(`${service.url}${EVENTSTREAM}/${name}${path}`, options)
        expect(reply, `${method} ${path}`).toMatchObject({ status: 404 })
      }
    }
    const { rows } = await database.pool.query(
      'select version, status from consumer where id = $1',
      [id],
    )
    expect(rows).toEqual([{ version: 1, status: 'stopped' }])
  })

  it('counts for the limit of its own kind only', async () => {
    for (let i = 0; i < 10; i++) {
      await register(service.url, `erp-${i}`, 'http://127.0.0.1:9/')
    }
    const [b, c] = ['b', 'c'].map((name) => consumerIdOf('subscription', name)) as [string, string]
    expect(await registerSubscription(1, b, 'running')).toBe('registered')
    expect(await registerSubscription(1, c, 'running')).toBe('full')
  })

  it('needs no room where it is stopped, and room to be started', async () => {
    const c = consumerIdOf('subscription', 'c')
    const start = async (mostRunning: number) =>
      (
        await changeConsumer(database.kysely, 'dodici', c, {
          command: 'start',
          ...who,
          mostRunning,
        })
      ).outcome
    expect(await registerSubscription(1, c)).toBe('registered')
    expect(await start(1)).toBe('full')
    expect(await start(2)).toBe('changed')
    expect(await start(1)).toBe('unchanged')
  })

  it('has an id that no integration can have, and that tells its kind', async () => {
    for (const [kind, name] of [
      ['integration', id],
      ['subscription', 'erp'],
      ['subscription', 'projection:shop'],
    ] as const) {
      const options = { ...who, kind, document: {}, most: 100 }
      const registered = registerConsumer(database.kysely, 'other', name, options)
      await expect(registered).rejects.toMatchObject({ constraint: 'id_tells_kind' })
    }
  })

  it('is changed by its own id, and its log says of what kind it is', async () => {
    const run = (command: 'start' | 'replace' | 'stop') =>
      changeConsumer(database.kysely, 'dodici', id, { ...who, command: command })
    for (const command of ['start', 'replace', 'stop'] as const) {
      expect((await run(command)).outcome).toBe('changed')
    }
    const { rows } = await database.pool.query(
      `select kind, action, version from config_log where id = $1 order by position`,
      [id],
    )
    expect(rows).toEqual([
      { kind: 'subscription', action: 'subscription_stopped', version: 1 },
      { kind: 'subscription', action: 'subscription_started', version: 2 },
      { kind: 'subscription', action: 'subscription_updated', version: 3 },
      { kind: 'subscription', action: 'subscription_stopped', version: 4 },
    ])
  })
})

// The secret key as an operator changes it, on real processes: a wrong one is refused at the start,
// the one before opens what it has sealed, and after rotate-secrets it is not needed any more,
// wherever that was killed.

import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { startProgram } from '../../scripts/kit/program.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import type { Show, ShownLine } from '../../src/cli/output.ts'
import { rebuildConfig } from '../../src/cli/rebuild-config.ts'
import { registerConsumer } from '../../src/consumer/change.ts'
import { newSigningSecret } from '../../src/destination/sign.ts'
import { createSecretBox } from '../../src/sealing/secret.ts'
import { useDatabase } from '../helpers/database.ts'
import { startService } from '../helpers/service.ts'

const database = useDatabase()
const [first, second, third] = ['1a', '2b', '3c'].map((byte) => byte.repeat(32)) as [
  string,
  string,
  string,
]
const REFUSED = 'MILLRACE_SECRET_KEY is not the key'
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
})
afterAll(() => receiver.close())

const keys = (key: string, previous?: string) => ({
  DATABASE_URL: database.url,
  MILLRACE_SECRET_KEY: key,
  ...(previous ? { MILLRACE_SECRET_KEY_PREVIOUS: previous } : {}),
})
const start = (key: string, previous?: string) =>
  startService('start', { ...keys(key, previous), MILLRACE_RETRY_BASE_MS: '1' })

/** Publishes an event, and gives the authorization that it arrives with. */
async function delivered(url: string): Promise<string | undefined> {
  const { body } = await publish(url, { key: randomUUID(), payload: '{}' })
  const arrived = () => receiver.received.find(({ position }) => position === body.position)
  return (await until('it arrives', arrived)).headers.authorization
}

/** Ends by itself, with one sentence. */
async function refused(command: string, key: string, previous?: string): Promise<void> {
  const { status, stderr } = await startProgram([command], keys(key, previous)).ended
  expect(status).toBe(1)
  const lines = stderr
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('{'))
  expect(lines).toEqual([expect.stringContaining(REFUSED)])
  for (const given of [key, previous ?? key]) expect(stderr).not.toContain(given)
}

/** How many documents a key opens, and how many it does not; of integrations and senders. */
async function opened(key: string): Promise<{ yes: number; no: number }> {
  const box = createSecretBox(key)
  const { rows } = await database.pool.query(`
    select tenant, document::text from consumer
    union all select tenant, document::text from notification_sender`)
  const count = { yes: 0, no: 0 }
  for (const { tenant, document } of rows) {
    const secrets = String(document).match(/sealed:1:[^"]+/g) ?? []
    try {
      for (const secret of secrets) box.open(tenant, secret)
      count.yes++
    } catch {
      count.no++
    }
  }
  return count
}

describe('the secret key', () => {
  it('is refused if it is another, whatever is started with it', async () => {
    const service = await start(first)
    const callback_parameters = { callback_url: receiver.url, api_key: 'the-stored-key' }
    await register(service.url, 'erp', '', { callback_parameters })
    expect(await delivered(service.url)).toBe('Bearer the-stored-key')
    const sqs = {
      accessKey: 'A',
      accessSecret: 'B',
      region: 'r-1',
      queueUrl: 'http://127.0.0.1:9/q',
    }
    const subscription = { destination: { sqs, type: 'SQS' }, entityType: 'PRICE', active: false }
    const made = { method: 'POST', body: JSON.stringify(subscription) }
    expect((await call(`${service.url}/api/v1/event-subscription`, made)).status).toBe(201)
    const sender = { api_key: 'SG.key', from_email: 'shop@example.com' }
    const set = { method: 'PUT', body: JSON.stringify(sender) }
    expect((await call(`${service.url}/api/v1/notification-sender`, set)).status).toBe(200)
    await service.kill('SIGTERM')
    for (const command of ['serve', 'work', 'start']) await refused(command, second)
    await refused('rotate-secrets', second, third)
  })

  it('is refused likewise where no check value was kept yet', async () => {
    await database.pool.query('delete from secret_key_check')
    await refused('start', second)
    const { rowCount } = await database.pool.query('select from secret_key_check')
    expect(rowCount).toBe(0)
    await (await start(first)).kill('SIGTERM')
    await refused('start', second)
  })

  it('that is new works beside the one before, and what it seals and signs is its own', async () => {
    const before = await start(first)
    const created = await call(`${before.url}/api/v1/api-keys`, {
      body: JSON.stringify({ name: 'k', tenants: ['dodici'], scopes: ['read'] }),
    })
    const key = String(created.body['token'])
    const granted = await call(`${before.url}/oauth2/token`, {
      token: null,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=client_credentials&client_id=${key.split('_')[1]}&client_secret=${key}`,
    })
    const token = String(granted.body['access_token'])
    await before.kill('SIGTERM')

    const service = await start(second, first)
    expect(await delivered(service.url)).toBe('Bearer the-stored-key')
    expect((await call(service.url + EVENTSTREAM, { token })).status).toBe(200)
    const callback_parameters = { callback_url: receiver.url, api_key: 'a-newer-key' }
    await register(service.url, 'new', '', { callback_parameters }, 'another')
    await service.kill('SIGTERM')
    expect(await opened(second)).toEqual({ yes: 1, no: 3 })
  })

  it('that is rolled in is one: a third is refused, and the one before without it', async () => {
    await refused('start', third, first)
    await refused('rotate-secrets', third, first)
    await refused('start', first, third)
    await refused('start', first)
    const notYet = await start(first, second)
    const already = await start(second, first)
    await Promise.all([notYet.kill('SIGTERM'), already.kill('SIGTERM')])
  })

  it('seals everything anew, killed in the middle or not, and the one before may go', async () => {
    const box = createSecretBox(first)
    const callback_url = receiver.url
    for (let n = 0; n < 400; n++) {
      const tenant = `tenant-${n % 50}`
      const api_key = box.seal(tenant, randomBytes(8).toString('hex'))
      await registerConsumer(database.kysely, tenant, `many-${n}`, {
        kind: 'integration',
        document: { integration_type: 'permanent', callback_parameters: { callback_url, api_key } },
        most: 1_000,
        actor: 'test',
        reason: 'Registered.',
      })
    }
    const service = await start(second, first)
    // It comes as far as a row that is held, and no further; what it asked there ends with it.
    const holder = await database.pool.connect()
    await holder.query("begin; select from consumer where id = 'many-320' for update")
    const killed = startProgram(['rotate-secrets'], keys(second, first))
    const waiting = await until('it waits for that row', async () => {
      const { rows } = await database.pool.query(
        `select pid from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query ~ 'reseal_'`,
      )
      return rows[0]
    })
    killed.process.kill('SIGKILL')
    expect(await killed.ended).toMatchObject({ status: null, stdout: '' })
    await database.pool.query('select pg_terminate_backend($1, 30000)', [waiting.pid])
    await holder.query('rollback')
    holder.release()
    const between = await opened(second)
    expect(between.yes).toBeGreaterThan(20)
    expect(between.no).toBeGreaterThan(0)
    // In between nothing is in the way: both keys are given.
    expect(await delivered(service.url)).toBe('Bearer the-stored-key')

    const again = await startProgram(['rotate-secrets'], keys(second, first)).ended
    const left = `Resealed: ${between.no}. The current key opens every stored secret.\n`
    expect(again).toMatchObject({ status: 0, stdout: left })
    expect(await opened(second)).toEqual({ yes: 404, no: 0 })
    expect(await delivered(service.url)).toBe('Bearer the-stored-key')
    await service.kill('SIGTERM')

    const after = await start(second)
    expect(await delivered(after.url)).toBe('Bearer the-stored-key')
    await after.kill('SIGTERM')
    await refused('start', first)
    const once = await startProgram(['rotate-secrets'], keys(second)).ended
    expect(once.stdout).toMatch(/^Resealed: 0\./)
  })

  it('opens the newest document of everything in the config log', async () => {
    const { rows } = await database.pool.query(`
      select distinct on (tenant, id) tenant, id, actor, document::text as document
      from config_log order by tenant, id, position desc`)
    const box = createSecretBox(second)
    expect(rows.length).toBeGreaterThan(400)
    for (const { tenant, document } of rows) {
      const secrets = String(document).match(/sealed:1:[^"]+/g) ?? []
      for (const secret of secrets) expect(() => box.open(tenant, secret)).not.toThrow()
    }
    expect(rows.filter(({ actor }) => actor === 'millrace rotate-secrets').length).toBeGreaterThan(
      400,
    )
  })

  it('leaves a config log from which what is rebuilt sends, with the new key alone', async () => {
    const told: ShownLine[] = []
    const show: Show = (_, lines) => void told.push(...lines())
    expect(await rebuildConfig(database.url, { apply: false }, show), told.join('\n')).toBe(true)
    await database.pool.query('delete from consumer; delete from notification_sender')
    expect(await rebuildConfig(database.url, { apply: true }, () => {})).toBe(true)
    const service = await start(second)
    expect(await delivered(service.url)).toBe('Bearer the-stored-key')
    await service.kill('SIGTERM')
  })
})

describe('a stored secret that no key opens', () => {
  it('fails each attempt with that reason, until the stream stops, and can be replaced', async () => {
    const service = await start(second)
    const sealed = createSecretBox(third).seal('dodici', 'lost')
    await database.pool.query(
      `update consumer set document = jsonb_set(document, '{callback_parameters,api_key}', $1)
      where tenant = 'dodici' and id = 'erp'`,
      [JSON.stringify(sealed)],
    )
    const erp = `${service.url}${EVENTSTREAM}/erp`
    await call(`${erp}/_stop`, { method: 'POST' })
    await call(`${erp}/_start`, { method: 'POST' })
    const { body } = await publish(service.url, { key: randomUUID(), payload: '{}' })
    await until('it stops', async () => (await call(erp)).body['status'] === 'stopped')
    const logs = JSON.stringify((await call(`${erp}/logs`)).body)
    expect(logs).toContain('sealed with another MILLRACE_SECRET_KEY')
    expect(logs).toContain('no retries are left')
    const stuck = await startProgram(['rotate-secrets'], keys(second)).ended
    expect(stuck).toMatchObject({ status: 1, stdout: expect.stringContaining('  dodici: erp\n') })

    const callback_parameters = { callback_url: receiver.url, api_key: 'a-replacement' }
    const replace = (body: object) => call(erp, { method: 'PATCH', body: JSON.stringify(body) })
    expect(await replace({ callback_parameters })).toMatchObject({ status: 200 })
    await call(`${erp}/_start`, { method: 'POST' })
    const arrived = () => receiver.received.find(({ position }) => position === body.position)
    expect((await until('it arrives', arrived)).headers.authorization).toBe('Bearer a-replacement')

    // A signing secret, and the one before it, which nobody can name.
    const lose = (path: string, value: unknown) =>
      database.pool.query(
        `update consumer set document = jsonb_set(document, $1, $2)
        where tenant = 'dodici' and id = 'erp'`,
        [path, JSON.stringify(value)],
      )
    await call(`${erp}/_stop`, { method: 'POST' })
    await lose('{delivery}', { signing_secret: sealed })
    await lose('{previous_signing_secret}', { secret: sealed, valid_until: '2100-01-01T00:00:00Z' })
    const named = { delivery: { signing_secret: newSigningSecret() } }
    expect(await replace(named)).toMatchObject({ status: 200 })
    await call(`${erp}/_start`, { method: 'POST' })
    expect(await delivered(service.url)).toBe('Bearer a-replacement')
    await call(`${erp}/_stop`, { method: 'POST' })
    await lose('{delivery,signing_secret}', sealed)
    const rotated = await call(`${erp}/_rotate_signing_secret`, { body: '{}' })
    expect(rotated).toMatchObject({ status: 200 })
    await call(`${erp}/_start`, { method: 'POST' })
    expect(await delivered(service.url)).toBe('Bearer a-replacement')
    await service.kill('SIGTERM')
  })
})

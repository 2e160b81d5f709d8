// millrace rebuild config: what the log has and the tables agree; what was altered behind its back
// is found and named without a secret, and put right; nothing is lost with the tables.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish, register } from '../../scripts/kit/client.ts'
import { aSubscription, collector, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { createJob, JOBS } from '../../scripts/kit/jobs.ts'
import { startProgram } from '../../scripts/kit/program.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { readRebuild } from '../../src/cli/rebuild.ts'
import { API_KEYS, makeKey } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'
import { asRole } from '../helpers/postgres.ts'
import { type Service, startService } from '../helpers/service.ts'
import { empty, rebuilt } from './rebuilding.ts'

const database = useDatabase()
const SENDER = '/api/v1/notification-sender'
const settings = () => ({ DATABASE_URL: database.url, MILLRACE_SWEEP_MS: '50' })
let service: Service
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  service = await startService('start', settings())
})
afterAll(() => Promise.all([service.kill('SIGTERM'), receiver.close()]))

const owner = () => asRole(database.adminUrl, 'owner')
const same = (consumers: number, jobs: number, senders: number, keys: number) => [
  `consumer: ${consumers} in the log, the same`,
  `notification_job: ${jobs} in the log, the same`,
  `notification_sender: ${senders} in the log, the same`,
  'registered_event_type: 2 in the log, the same',
  `api_key: ${keys} in the log, the same`,
]
const on = (path: string, method: string, body?: unknown) =>
  call(service.url + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
const arrived = (count: number) =>
  until(`${count} events have arrived`, () => receiver.received.length >= count)

describe('the command line', () => {
  it.each([
    [['config'], { what: 'config', apply: false, json: false }],
    [['--apply', 'config'], { what: 'config', apply: true, json: false }],
    [['shop', 'dodici', '--json'], { what: 'shop', tenant: 'dodici', apply: false, json: true }],
    [['shop', 'config', '--apply'], { what: 'shop', tenant: 'config', apply: true, json: false }],
  ])('%j', (args, call) => expect(readRebuild(args)).toEqual(call))

  it.each([
    [[]],
    [['shop']],
    [['config', 'dodici']],
    [['shop', 'a b']],
    [['shop', 'a', 'b']],
    [['a', 'b']],
    // A slip of the pen, and no tenant whose shop is meant.
    [['confg']],
    [['config', '--aply']],
  ])('refuses %j', (args) =>
    expect(() => readRebuild(args)).toThrow('millrace rebuild config [--apply]'),
  )
})

describe('a configuration of every kind', () => {
  let keyId: string
  let madeId: string
  beforeAll(async () => {
    const callback_parameters = { callback_url: receiver.url, api_key: 'of-erp' }
    await register(service.url, 'erp', receiver.url, { callback_parameters })
    await on(`${EVENTSTREAM}/erp/_stop`, 'POST')
    const filter_conditions = { entity_filter: ['order'] }
    await on(`${EVENTSTREAM}/erp`, 'PATCH', { filter_conditions })
    await on(`${EVENTSTREAM}/erp/_start`, 'POST')
    for (let life = 0; life < 2; life++) {
      await register(service.url, 'twice', receiver.url)
      if (life === 0) await on(`${EVENTSTREAM}/twice`, 'DELETE')
    }
    await on(`${EVENTSTREAM}/twice/_stop`, 'POST')
    const destination = {
      type: 'SQS',
      sqs: {
        accessKey: 'AKIA',
        accessSecret: 'of-crm',
        region: 'us-east-1',
        queueUrl: 'http://127.0.0.1:1/1/crm',
      },
    }
    const subscription = aSubscription({ id: 'crm', destination, active: false })
    await collector(service.url + SUBSCRIPTIONS, 'POST', subscription)
    await createJob(service.url)
    await createJob(service.url, { id: 'gone' })
    await on(`${JOBS}/gone`, 'PUT', { deleted: true, template_id: 'd-last' })
    const sender = { api_key: 'SG.of-dodici', from_email: 'shop@example.com' }
    await on(SENDER, 'PUT', sender)
    await on(SENDER, 'DELETE')
    await on(SENDER, 'PUT', sender)
    for (const name of ['gift.sold', 'gift.used', 'gift.lost']) {
      await on(`/event-types/${name}`, 'PUT', { schema: { title: name }, on_violation: 'warn' })
    }
    await on('/event-types/gift.used', 'PUT', { schema: {}, on_violation: 'reject' })
    await on('/event-types/gift.lost', 'DELETE')
    const maker = await makeKey(service.url, { scopes: ['admin'], tenants: ['dodici', 'rival'] })
    keyId = maker.id
    madeId = (await makeKey(service.url, { tenants: ['rival'] }, maker.token)).id
    await makeKey(service.url, { tenants: ['*'], event_names: ['order.*'], rate: 5 })
  })

  it('is the same by its log, told in a line for each table', async () => {
    expect(await rebuilt(database)).toMatchObject({ isSame: true, lines: same(4, 2, 1, 3) })
    const revoked = { method: 'DELETE', headers: { tenant: '' } }
    expect((await call(`${service.url}${API_KEYS}/${keyId}`, revoked)).status).toBe(200)
    expect((await rebuilt(database)).lines).toEqual(same(4, 2, 1, 3))
    const program = await startProgram(['rebuild', 'config'], settings()).ended
    expect(program).toMatchObject({ status: 0, stdout: `${same(4, 2, 1, 3).join('\n')}\n` })
  })

  it('has the keys in the log: who made and who revoked them, and for whom', async () => {
    const { rows } = await database.pool.query(
      `select tenant, action, version, status, actor, reason, document ->> 'secret_sha256' as hash
       from config_log where kind = 'key' and id in ('key:' || $1, 'key:' || $2)
       order by version, tenant, id = 'key:' || $2`,
      [keyId, madeId],
    )
    const admin = 'admin token'
    const maker = `API key ${keyId} (a key)`
    const created = { action: 'key_created', version: 1, status: 'running', reason: 'Created.' }
    const revoked = { action: 'key_revoked', version: 2, status: 'removed', actor: admin }
    expect(rows).toMatchObject([
      { ...created, tenant: 'dodici', actor: admin },
      { ...created, tenant: 'rival', actor: admin },
      { ...created, tenant: 'rival', actor: maker },
      { ...revoked, tenant: 'dodici', reason: 'Revoked.' },
      { ...revoked, tenant: 'rival', reason: 'Revoked.' },
      { ...revoked, tenant: 'rival', reason: `Revoked with ${maker} that made it.` },
    ])
    for (const { hash } of rows) expect(hash).toMatch(/^\\x[0-9a-f]{64}$/)
    const masked = await database.pool.query(
      `select distinct document ->> 'secret_sha256' as hash from masked_config_log
       where kind = 'key'`,
    )
    expect(masked.rows).toEqual([{ hash: '***' }])
  })

  it('that was altered is named without a secret, and put right', async () => {
    const { pool } = database.admin
    await pool.query(`
      update consumer set status = 'stopped', document =
        jsonb_set(document, '{callback_parameters,api_key}', '"sealed:1:another"')
      where id = 'erp';
      insert into consumer
      select tenant, 'stranger', version, status, document, 7, 7, kind
      from consumer where id = 'erp';
      delete from cursor where consumer = 'twice';
      update notification_job set version = 9 where id = 'back-in-stock';
      delete from notification_job where id = 'gone';
      update notification_sender set document = document || '{"from_email": "x@example.com"}';
      update registered_event_type set document = jsonb_set(document, '{schema,title}', '"x"')
      where name = 'gift.sold';
      delete from registered_event_type where name = 'gift.used';
      insert into registered_event_type
      select tenant, 'gift.lost', 1, document, 7 from registered_event_type`)
    const { isSame, told } = await rebuilt(database)
    expect(isSame).toBe(false)
    expect(told.split('\n')).toEqual([
      'consumer: 4 in the log, 3 differ',
      '  consumer dodici erp: status is stopped, in the log running, ' +
        'document.callback_parameters.api_key',
      '  consumer dodici stranger: not in the log',
      '  consumer dodici twice: has no cursor',
      'notification_job: 2 in the log, 2 differ',
      '  notification_job dodici back-in-stock: version is 9, in the log 1',
      '  notification_job dodici gone: missing',
      'notification_sender: 1 in the log, 1 differ',
      '  notification_sender dodici: document.from_email',
      'registered_event_type: 2 in the log, 3 differ',
      '  registered_event_type dodici gift.lost: not in the log',
      '  registered_event_type dodici gift.sold: document.schema.title',
      '  registered_event_type dodici gift.used: missing',
      'api_key: 3 in the log, the same',
      'They differ; --apply restores the rows from the log.',
    ])
    const program = await startProgram(['rebuild', 'config'], settings()).ended
    expect(program).toMatchObject({ status: 1, stdout: `${told}\n` })
    const { status, stdout } = await startProgram(['rebuild', 'config', '--json'], settings()).ended
    expect(status).toBe(1)
    const values = stdout.trimEnd().split('\n')
    expect(values.map((line) => JSON.parse(line))).toEqual([
      { table: 'consumer', rows: 4, differing: 3 },
      {
        table: 'consumer',
        key: ['dodici', 'erp'],
        difference: expect.stringMatching(/^status is/),
      },
      { table: 'consumer', key: ['dodici', 'stranger'], difference: 'not in the log' },
      { table: 'consumer', key: ['dodici', 'twice'], difference: 'has no cursor' },
      ...JSON.parse(`[${values.slice(4, -1)}]`),
      { same: false },
    ])
    expect(values).toHaveLength(5 + 9 + 1)

    const applied = await rebuilt(database, { apply: true })
    expect(applied.lines).toContain('consumer dodici stranger: not in the log: restored')
    expect(applied.lines.slice(-5)).toEqual(same(4, 2, 1, 3))
    expect(applied.isSame).toBe(true)
    const { body } = await on(`${JOBS}/gone`, 'GET')
    expect(body).toMatchObject({ deleted: true, template_id: 'd-last', next_run_at: null })
  })

  it('has keys that only the owner of the tables puts right', async () => {
    await database.admin.pool.query(`
      set session_replication_role = replica;
      update api_key set scopes = '{admin}' where tenants = '{*}';
      insert into api_key select (jsonb_populate_record(k, '{"id": "0123456789ab"}')).*
      from api_key as k where tenants = '{*}';
      set session_replication_role = origin`)
    const asService = await rebuilt(database, { apply: true })
    expect(asService.isSame).toBe(false)
    expect(asService.told).toMatch(/^api_key 0123456789ab: not in the log: not restored$/m)
    expect(asService.told).toMatch(/^api_key \w+: scopes: not restored$/m)
    const entries = () => database.pool.query(`select from config_log where kind = 'key'`)
    const before = (await entries()).rowCount
    expect(await rebuilt(database, { apply: true, url: owner() })).toMatchObject({ isSame: true })
    // What was rebuilt from the log is no news for it.
    expect((await entries()).rowCount).toBe(before)
    const refused = database.admin.pool.query(`delete from api_key`)
    await expect(refused).rejects.toMatchObject({ code: 'MR003' })
  })

  it('comes back whole after all rows are gone, and delivery goes on where it was', async () => {
    const send = (key: string) => publish(service.url, { key, payload: '{}' })
    for (let n = 0; n < 30; n++) await send(`before-${n}`)
    await arrived(30)
    await until('that is written down', async () => {
      const { rows } = await database.pool.query(
        `select from cursor where consumer = 'erp' and unresolved = '{}'
           and read_position >= (select max(position) from event)`,
      )
      return rows.length === 1
    })
    const { rows: live } = await database.admin.pool.query('select * from notification_job')
    await empty(
      database,
      'consumer',
      'cursor',
      'notification_job',
      'notification_sender',
      'registered_event_type',
      'api_key',
    )
    for (let n = 0; n < 5; n++) await send(`meanwhile-${n}`)
    const lost = await rebuilt(database)
    expect(lost.told.match(/missing$/gm)).toHaveLength(12)

    // By the role of the service, while it runs.
    expect(await rebuilt(database, { apply: true })).toMatchObject({ isSame: true })
    const { rows } = await database.admin.pool.query('select * from notification_job')
    const kept = ({ owner: _, lease_until: __, epoch: ___, ...job }: Record<string, unknown>) => job
    expect(rows.map(kept)).toEqual(live.map(kept))
    await send('after')
    // The turn that lost its cursor's row may have sent what came meanwhile, and could not say so.
    const keys = await until('all have arrived', () => {
      const all = receiver.received.map(({ headers }) => headers['idempotency-key'])
      return all.includes('after') && [...new Set(all.slice(30))]
    })
    expect(keys).toEqual([...Array.from({ length: 5 }, (_, n) => `meanwhile-${n}`), 'after'])
  })
})

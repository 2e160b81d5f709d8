// The commands that look after a tenant's streams and types: rejected events, replays,
// subscriptions, event types and jobs.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, publish, register } from '../../scripts/kit/client.ts'
import { WITHOUT_SENDER } from '../../scripts/kit/program.ts'
import { ok, status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { type Broker, keys, startBroker } from '../helpers/broker.ts'
import { useDatabase } from '../helpers/database.ts'
import { useReceiver, useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const database = useDatabase()
const service = useService('start', database, () => WITHOUT_SENDER)
const receiver = useReceiver(status(400, {}, 'no such product'))
const home = useHome()
const { run } = commandsOn(service, home)
const EVENTS = 5

/** Runs a command that must succeed; the values that it prints with --json. */
async function valuesOf(...args: string[]) {
  const { status, stdout, stderr } = await run([...args, '--json'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
/** A JSON file of the home. */
function fileOf(name: string, value: object): string {
  const file = path.join(home, name)
  writeFileSync(file, JSON.stringify(value))
  return file
}
const rejectedOf = (id: string) => valuesOf('rejected', 'list', id)

beforeAll(async () => {
  await register(service.url, 'erp-1', receiver.url)
  for (let n = 0; n < EVENTS; n++) {
    await publish(service.url, { entityId: `order-${n}`, key: `key-${n}`, payload: `{"n":${n}.0}` })
  }
  await until('all are rejected', async () => (await rejectedOf('erp-1')).length === EVENTS)
})

describe('millrace rejected', () => {
  it('lists and shows them', async () => {
    const { stdout } = await run(['rejected', 'list', 'erp-1'])
    expect(stdout).toMatch(
      /^\S+ {2}\S+Z {2}order\.created {2}\d+ {2}answered 400: no such product$/m,
    )
    const [{ id }] = await rejectedOf('erp-1')
    expect((await run(['rejected', 'show', 'erp-1', id, '--json'])).stdout).toContain(
      `"payload":{"n":${EVENTS - 1}.0}}`,
    )
  })
  it('sends one again, or all of them', async () => {
    const [{ id }] = await rejectedOf('erp-1')
    const refused = await run(['rejected', 'retry', 'erp-1', id])
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('not accepted') })
    receiver.answer = ok
    const one = await run(['rejected', 'retry', 'erp-1', id])
    expect(one).toEqual({ status: 0, stdout: '1 delivered\n', stderr: '' })
    expect(await run(['rejected', 'retry', 'erp-1', id])).toMatchObject({ status: 3 })
    expect(await run(['rejected', 'retry', 'erp-1'])).toMatchObject({
      status: 2,
      stderr: 'Name either one event, or --all.\n',
    })
  })
  it('deletes only what is confirmed', async () => {
    const [{ id }] = await rejectedOf('erp-1')
    const unsure = await run(['rejected', 'delete', 'erp-1', id])
    expect(unsure).toMatchObject({ status: 2, stderr: expect.stringContaining('with --yes') })
    expect(await valuesOf('rejected', 'delete', 'erp-1', id, '--yes')).toEqual([{ deleted: 1 }])
    expect(await valuesOf('rejected', 'retry', 'erp-1', '--all')).toEqual([
      { delivered: EVENTS - 2 },
    ])
    expect((await run(['rejected', 'list', 'erp-1'])).stderr).toBe(
      'erp-1 has no rejected events.\n',
    )
  })
})

describe('millrace replay', () => {
  it('counts, and sends nothing until that is confirmed', async () => {
    const counted = await run(['replay', 'erp-1', '--from', 'today', '--count'])
    expect(counted.stdout).toMatch(RegExp(`^${EVENTS} events from \\S+T00:00:00\\S+Z to \\S+Z\\n`))
    const unsure = await run(['replay', 'start', 'erp-1', '--from', 'today'])
    expect(unsure).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^Send 5 events.*--yes/),
    })
    expect((await run(['replay', 'list', 'erp-1'])).stderr).toBe('erp-1 has no replays.\n')
    const nothing = await run(['replay', 'erp-1', '--from', 'today', '--name', 'a.b'])
    expect(nothing.stderr).toContain('There is nothing to send')
  })
  it('sends them, and waits for the end', async () => {
    const before = receiver.received.length
    const [replay] = await valuesOf('replay', 'start', 'erp-1', '--from', 'today', '--yes')
    expect(replay).toMatchObject({ number: 1, state: 'completed', delivered: EVENTS })
    expect(receiver.received).toHaveLength(before + EVENTS)
    expect((await run(['replay', 'list', 'erp-1'])).stdout).toMatch(
      /^1 {2}completed {2}\S+ to \S+ {2}5 of 5 delivered, 0 rejected {2}Everything up to/,
    )
    expect(await run(['replay', 'show', 'erp-1', '2'])).toMatchObject({ status: 3 })
    expect(await run(['replay', 'show', 'erp-1', 'x'])).toMatchObject({ status: 2 })
  })
  it('goes on without its command, and can be cancelled', async () => {
    await run(['integrations', 'stop', 'erp-1'])
    const [started] = await valuesOf('replay', 'erp-1', '--from', 'today', '--yes', '--detach')
    expect(started).toMatchObject({ number: 2, state: 'waiting' })
    const [cancelled] = await valuesOf('replay', 'cancel', 'erp-1', '2')
    expect(cancelled).toMatchObject({ state: 'cancelled' })
    await run(['integrations', 'start', 'erp-1'])
  })
})

describe('millrace subscriptions', () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.close())
  const documentOf = () => ({
    id: 'crm',
    entityType: 'ORDER',
    subscribeCreate: true,
    destination: {
      type: 'SQS',
      sqs: {
        accessKey: keys.accessKeyId,
        accessSecret: keys.secretAccessKey,
        region: 'us-east-1',
        queueUrl: broker.createQueue('crm'),
      },
    },
  })

  it('creates, shows, updates, deactivates, activates and deletes', async () => {
    const file = fileOf('crm.json', documentOf())
    expect((await run(['subscriptions', 'create', file])).stdout).toBe('crm is created\n')
    expect((await run(['subscriptions'])).stdout).toMatch(/^crm {2}ok {2}ORDER {2}http/)
    expect((await run(['subscriptions', 'deactivate', 'crm'])).status).toBe(0)
    expect((await run(['subscriptions', 'list'])).stdout).toContain(
      '  To do: millrace subscriptions activate crm\n',
    )
    expect((await run(['subscriptions', 'activate', 'crm'])).stdout).toBe('crm is active\n')
    await publish(service.url, { key: 'for-the-queue', payload: '{}' })
    await until('it is in the queue', () => broker.messages('crm').length === 1)
    fileOf('crm.json', { ...documentOf(), subscribeDelete: true })
    expect((await run(['subscriptions', 'update', 'crm', file])).stdout).toBe('crm is updated\n')
    const [shown] = await valuesOf('subscriptions', 'show', 'crm')
    expect(shown).toMatchObject({ subscribeDelete: true, stats: { status: 'running' } })
    const log = await run(['subscriptions', 'logs', 'crm'])
    expect(log.stdout).toContain('Deactivated via API.')
    const rejected = await run(['rejected', 'list', 'crm', '--subscription'])
    expect(rejected.stderr).toBe('crm has no rejected events.\n')
    expect((await run(['subscriptions', 'delete', 'crm', '--yes'])).stdout).toBe('crm is deleted\n')
    expect(await run(['subscriptions', 'show', 'crm'])).toMatchObject({ status: 3 })
  })
})

describe('millrace types', () => {
  it('lists them, registers a schema, and takes it back', async () => {
    const names = (await valuesOf('types')).map(({ name }) => name)
    expect(names).toContain('order.created')
    const schema = { type: 'object', required: ['id'] }
    const register = ['types', 'register', 'order.made', fileOf('schema.json', schema)]
    expect(await run(register)).toMatchObject({ status: 2 })
    expect((await run([...register, '--on-violation', 'warn'])).stdout).toBe(
      'order.made is registered: warn\n',
    )
    expect(await valuesOf('types', 'show', 'order.made')).toMatchObject([
      { schema, on_violation: 'warn' },
    ])
    const { stdout } = await run(['types', 'show', 'order.made'])
    expect(stdout).toMatch(/^order\.made {2}never published {2}registered: warn\n\{\n/)
    expect(await run(['types', 'delete', 'order.made'])).toMatchObject({ status: 2 })
    expect((await run(['types', 'delete', 'order.made', '--yes'])).status).toBe(0)
    expect(await run(['types', 'show', 'order.made'])).toMatchObject({ status: 3 })
  })
})

describe('millrace jobs', () => {
  it('creates, lists, updates, runs and deletes', async () => {
    const job = { id: 'restock', notification: 'BACK_IN_STOCK', schedule: '0 9 * * 1-5' }
    const file = fileOf('job.json', { ...job, template_id: 'd-1', is_active: false })
    expect((await run(['jobs', 'create', file])).stdout).toBe(
      'restock  BACK_IN_STOCK  0 9 * * 1-5 UTC  is not active\n',
    )
    const change = fileOf('change.json', { is_active: true })
    expect((await run(['jobs', 'update', 'restock', change])).stderr).toContain('sender')
    const setSender = () =>
      call(`${service.url}/api/v1/notification-sender`, {
        method: 'PUT',
        body: JSON.stringify({ api_key: 'SG.of-dodici', from_email: 'shop@example.com' }),
      })
    expect(await setSender()).toMatchObject({ status: 200 })
    expect((await run(['jobs', 'update', 'restock', change])).stdout).toContain('  next run 20')
    expect(await valuesOf('jobs', 'show', 'restock')).toMatchObject([{ is_active: true }])
    expect((await run(['jobs', 'logs', 'restock'])).stderr).toBe('restock has not run so far.\n')
    const [asked] = await valuesOf('jobs', 'run', 'restock')
    expect(await valuesOf('jobs', 'logs', 'restock')).toMatchObject([{ id: asked.id }])
    // Only an operator with SQL can take it away from a job that is active.
    await database.admin.pool.query('delete from notification_sender')
    const failed = await run(['jobs', 'run', 'restock', '--wait'])
    expect(failed).toMatchObject({ status: 1, stdout: expect.stringMatching(/Z {2}failed {2}/) })
    await setSender()
    const [ended] = await valuesOf('jobs', 'run', 'restock', '--wait')
    expect(ended).toMatchObject({ state: 'completed', found: 0 })
    expect((await run(['jobs', 'delete', 'restock', '--yes'])).status).toBe(0)
    expect((await run(['jobs', 'list'])).stderr).toBe('There are no jobs.\n')
    expect(await valuesOf('jobs', 'list', '--deleted')).toMatchObject([{ id: 'restock' }])
  })
})

// The commands that call a service: their login, their errors, and what people and programs see.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { status } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const database = useDatabase()
const service = useService('start', database)
const good = useReceiver()
const bad = useReceiver(status(500))
const home = useHome()
const { run } = commandsOn(service, home)
const { ask } = api(service)
const publishing = { team: 'a', service: 'b', 'entity-id': 'order-1', 'order-id': 'order-1' }
const publisher = ['--team', 'a', '--service', 'b']
let position = 0

beforeAll(async () => {
  for (const [id, { url }] of Object.entries({ 'erp-1': good, 'erp-2': bad })) {
    const callback_parameters = { callback_url: url }
    const body = { id, integration_type: 'permanent', callback_parameters }
    expect((await ask('POST', EVENTSTREAM, body)).status).toBe(200)
  }
  const { body } = await ask(
    'POST',
    '/events/order.created',
    { id: 'order-1' },
    { ...publishing, 'idempotency-key': 'key-1' },
  )
  position = Number((body as { position: number }).position)
})

describe('millrace login', () => {
  const nothing = { MILLRACE_URL: '', MILLRACE_TOKEN: '', MILLRACE_TENANT: '' }
  const file = path.join(home, 'millrace/profile.json')

  it('stores a token that the service takes, for its user alone', async () => {
    const login = ['login', '--url', service.url, '--token', ADMIN_TOKEN, '--tenant', 'dodici']
    const { status, stderr } = await run(login, nothing)
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: `Logged in to ${service.url} as dodici: ${file}\n`,
    })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect((await run(['integrations'], nothing)).stdout).toMatch(/^erp-1 {2}/)
  })
  it('sends its token to no other service', async () => {
    const other = await run(['integrations', '--url', good.url], nothing)
    expect(other).toMatchObject({ status: 4, stderr: expect.stringContaining('token is missing') })
    const far = await run(['integrations', '--url', 'http://millrace.invalid'], nothing)
    expect(far.stderr).toMatch(/^There is no token for http:\/\/millrace.invalid\./)
  })
  it('refuses a token that the service does not know, and keeps the profile', async () => {
    const before = readFileSync(file, 'utf8')
    const refused = await run(['login', '--url', service.url, '--token', 'wrong'], nothing)
    expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('millrace login') })
    expect(readFileSync(file, 'utf8')).toBe(before)
  })
  it('ends with 2 for a profile that is broken', async () => {
    const broken = path.join(home, 'broken')
    mkdirSync(path.join(broken, 'millrace'), { recursive: true })
    writeFileSync(path.join(broken, 'millrace/profile.json'), '{"url":1}')
    const ended = await run(['integrations'], { XDG_CONFIG_HOME: broken })
    expect(ended).toMatchObject({ status: 2, stderr: expect.stringContaining('is no profile') })
  })
})

describe('millrace integrations', () => {
  it('lists them with what is wrong and what to do', async () => {
    const failing = await until('erp-2 fails', async () => {
      const { status, stdout } = await run(['integrations', 'list'])
      expect(status).toBe(0)
      return stdout.includes('erp-2  failing') && stdout
    })
    expect(failing).toContain(`erp-1  ok  ${good.url}`)
    expect(failing).toMatch(/^ {2}Failing since .*HTTP status code 500/m)
    expect(failing).toContain(`  To do: repair the target, or millrace integrations skip erp-2`)
  })
  it('prints JSON, one a line', async () => {
    const { stdout } = await run(['integrations', '--json'])
    const all = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id)
    expect(all).toEqual(['erp-1', 'erp-2'])
  })
  it('skips what holds up a stream, and shows it in the logs', async () => {
    const skip = ['integrations', 'skip', 'erp-2', String(position), '--reason', 'by hand']
    expect(await run(skip)).toMatchObject({ status: 0, stderr: '' })
    const { stdout } = await run(['integrations', 'logs', 'erp-2', '--limit', '20'])
    expect(stdout).toContain('by hand')
  })
  it('tests, resends, stops, updates and starts', async () => {
    expect(await run(['integrations', 'test', 'erp-1'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^erp-1: delivered after \d+ ms\n {2}sent to http:/),
    })
    const resent = await run(['integrations', 'resend', 'erp-1', String(position)])
    expect(resent.stdout).toMatch(/^erp-1: delivered/)
    expect(await run(['integrations', 'test', 'erp-2'])).toMatchObject({ status: 1 })
    expect((await run(['integrations', 'stop', 'erp-2'])).stdout).toBe('erp-2 is stopped\n')
    const change = path.join(home, 'change.json')
    writeFileSync(change, JSON.stringify({ callback_parameters: { callback_url: good.url } }))
    expect(await run(['integrations', 'update', 'erp-2', change])).toMatchObject({ status: 0 })
    expect((await run(['integrations', 'start', 'erp-2'])).stdout).toBe('erp-2 is running\n')
  })
  it('shows one with its settings and statistics', async () => {
    const { stdout } = await run(['integrations', 'show', 'erp-1'])
    expect(stdout).toMatch(/^erp-1 {2}ok .*\n {2}It keeps up\.\n {2}integration_type: permanent\n/)
    expect(stdout).toMatch(/^ {2}counts: \{.*"delivered":1/m)
    const json = JSON.parse((await run(['integrations', 'show', 'erp-1', '--json'])).stdout)
    expect(json).toMatchObject({ id: 'erp-1', health: { state: 'ok' }, stats: { lag_events: 0 } })
    expect(await run(['integrations', 'show', 'nobody'])).toMatchObject({ status: 3, stdout: '' })
  })
  it('registers one, and deletes it if that is confirmed', async () => {
    const file = path.join(home, 'new.json')
    const callback_parameters = { callback_url: good.url }
    const document = { id: 'erp-3', integration_type: 'permanent', callback_parameters }
    writeFileSync(file, JSON.stringify(document))
    const made = await run(['integrations', 'register', file])
    expect(made).toEqual({ status: 0, stdout: 'erp-3 is registered\n', stderr: '' })
    expect(await run(['integrations', 'delete', 'erp-3'])).toEqual({
      status: 2,
      stdout: '',
      stderr: 'Delete the integration erp-3? Confirm it with --yes.\n',
    })
    const deleted = await run(['integrations', 'delete', 'erp-3', '--yes'])
    expect(deleted).toEqual({ status: 0, stdout: 'erp-3 is deleted\n', stderr: '' })
  })
  it('lists what was not received', async () => {
    const { stdout } = await run(['integrations', 'undelivered', 'erp-2', '--from', 'today'])
    expect(stdout).toMatch(/^\d+ {2}order\.created {2}order-1 {2}skipped: /)
    const { stderr } = await run(['integrations', 'undelivered', 'erp-1'])
    expect(stderr).toBe('erp-1 has received all events of this period.\n')
  })
})

describe('millrace events', () => {
  it('finds events, as lines for people and as they came for programs', async () => {
    const { stdout } = await run(['events', '--order-id', 'order-1', '--name', 'order.*'])
    expect(stdout).toMatch(RegExp(`^\\S+Z {2}${position} {2}order\\.created {2}order-1\\n$`))
    const { stdout: json } = await run(['events', 'list', '--json', '--limit', '1'])
    expect(JSON.parse(json)).toMatchObject({ position, payload: { id: 'order-1' } })
    const nothing = await run(['events', '--from', '2h', '--customer-id', 'nobody'])
    expect(nothing).toEqual({ status: 0, stdout: '', stderr: 'No event is like this.\n' })
  })
  it('goes on over pages, in either order', async () => {
    const sent = { team: 'a', service: 'b', 'entity-id': 'c' }
    const lines = Array.from({ length: 1_500 }, (_, n) =>
      JSON.stringify({
        name: 'page.made',
        entity_id: `${n}`,
        idempotency_key: `${n}`,
        payload: {},
      }),
    )
    const bulk = await fetch(`${service.url}/events`, {
      method: 'POST',
      headers: {
        ...sent,
        tenant: 'dodici',
        authorization: `Bearer ${ADMIN_TOKEN}`,
        'content-type': 'application/x-ndjson',
      },
      body: lines.join('\n'),
    })
    expect((await bulk.text()).match(/"position"/g)).toHaveLength(1_500)
    const all = Array.from({ length: 1_500 }, (_, n) => `${n}`)
    const list = ['events', 'list', '--json', '--name', 'page.made', '--limit']
    const idsOf = async (...args: string[]) => {
      const { stdout } = await run([...list, ...args])
      return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).entity_id)
    }
    expect(await idsOf('2000', '--order', 'asc')).toEqual(all)
    expect(await idsOf('1200')).toEqual(all.toReversed().slice(0, 1_200))
  })
  it('shows one event, and the timeline of an order', async () => {
    const { stdout } = await run(['events', 'show', String(position)])
    expect(JSON.parse(stdout)).toMatchObject({ position, name: 'order.created' })
    const timeline = await run(['events', 'timeline', 'order-1'])
    expect(timeline.stdout).toMatch(/ order-1\n {4}erp-1 {2}delivered {2}.*\n {4}erp-2 {2}skipped/)
    const nothing = await run(['events', 'timeline', 'nosuch'])
    expect(nothing).toEqual({ status: 0, stdout: '', stderr: 'No event is like this.\n' })
  })
  it('shows what became of an event', async () => {
    const { stdout } = await run(['events', 'deliveries', String(position)])
    expect(stdout).toMatch(/^erp-1 {2}delivered {2}.*\nerp-2 {2}skipped/)
  })
})

describe('a command that calls a service', () => {
  it.each([
    [['integrations', 'frob'], 'too many arguments'],
    [['integrations', '--colour'], "unknown option '--colour'"],
    [['integrations', 'skip', 'erp-1', 'x', '--reason', 'y'], 'x is not a position'],
    [['integrations', 'skip', 'erp-1', '1'], "required option '--reason <text>'"],
    [['integrations', 'undelivered', 'erp-1', '--from', 'soon'], '--from must be a time'],
    [['integrations', '--url', 'shop'], 'The URL of the service must be an absolute URL'],
    [['events', 'list', '--limit', '0'], '--limit must be a whole number'],
    [['events', '--order', 'up'], 'Allowed choices are asc, desc.'],
  ])('%j ends with 2', async (args, problem) => {
    const { status, stdout, stderr } = await run(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(problem)
  })
  it.each([
    [['publish', 'nosuch']],
    [['publish', 'nosuch', '--name', 'a.b', '--entity-id', 'c', ...publisher]],
    [['types', 'register', 'a.b', 'nosuch', '--on-violation', 'warn']],
    [['integrations', 'register', 'nosuch']],
    [['subscriptions', 'create', 'nosuch']],
    [['jobs', 'create', 'nosuch']],
    [['apply', '-f', 'nosuch']],
  ])('%j says that there is no such file', async (args) => {
    expect(await run(args)).toEqual({
      status: 2,
      stdout: '',
      stderr: "nosuch cannot be read: ENOENT: no such file or directory, open 'nosuch'.\n",
    })
  })
  it.each([[['publish', '.']], [['tail', '--state', '.']], [['apply', '-f', '.']]])(
    '%j says that a directory cannot be read',
    async (args) => {
      const { status, stderr } = await run(args)
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: expect.stringMatching(/^\. cannot be read: .* directory.*\.\n$/),
      })
    },
  )
  it.each([
    [['integrations', 'skip', 'w500', '123'], 'millrace integrations skip'],
    [['keys', 'create'], 'millrace keys create'],
    [['types', 'register', 'a.b', '-'], 'millrace types register'],
    [['replay', 'erp-1'], 'millrace replay start', 'millrace replay'],
    [['integrations', 'frob'], 'millrace integrations list', 'millrace integrations'],
    [['login', 'frob'], 'millrace login'],
  ])('%j names the help that has what is missing', async (args, command, group = '') => {
    const { stderr } = await run(args)
    const others = group && `, and ${group} --help the other commands`
    expect(stderr.trim().split('\n').at(-1)).toBe(`${command} --help lists what it takes${others}.`)
  })
  it.each([
    ['login'],
    ['integrations'],
    ['integrations', 'skip'],
    ['keys', 'create'],
    ['listen'],
    ['events'],
    ['events', 'list'],
  ])('has help with an example: %s %s', async (...args) => {
    const { status, stdout } = await run([...args, '--help'])
    expect(status).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Usage: millrace ${args.join(' ')} `))
    if (['login', 'listen'].includes(args[0] as string) || args.length > 1)
      expect(stdout).toContain('\nExample:\n')
  })
  it.each([
    ['integrations'],
    ['subscriptions'],
    ['rejected', 'list', 'erp-1'],
    ['events'],
    ['tail'],
    ['publish', '/dev/null', '--name', 'a.b', '--entity-id', 'c', ...publisher],
    ['publish', 'package.json', ...publisher],
    ['login'],
  ])('names the option for a tenant that is missing: %j', async (...args) => {
    const nobody = { MILLRACE_TENANT: '', XDG_CONFIG_HOME: path.join(home, 'nobody') }
    const { stderr } = await run(args, nobody)
    expect(stderr.split('\n')[0]).toBe(
      'The tenant is missing. Name it with --tenant, or set MILLRACE_TENANT.',
    )
  })
  it('says where nobody answers, and how to log in', async () => {
    const nowhere = await run(['integrations', '--url', 'http://127.0.0.1:1'])
    expect(nowhere).toMatchObject({
      status: 5,
      stderr: expect.stringMatching(/does not answer: .*\. Start the service, or set MILLRACE_URL/),
    })
    const stranger = await run(['integrations', '--token', 'wrong'])
    expect(stranger).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('Log in with millrace login'),
    })
  })
})

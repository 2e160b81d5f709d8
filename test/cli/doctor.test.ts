// millrace doctor: each thing that is wrong has its line, what to do, and exit status 1.

import { randomBytes } from 'node:crypto'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
import { status as answering } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { remedyOf, SUBSCRIPTIONS } from '../../src/cli/stream.ts'
import { limits } from '../../src/config.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useReceiver, useService } from '../helpers/service.ts'
import { commandsOn, useHome } from './running.ts'

const database = useDatabase()
const service = useService('start', database)
const good = useReceiver()
const refusing = useReceiver(answering(403))
const rejecting = useReceiver(answering(400))
const home = useHome()
const { run } = commandsOn(service, home)
const { ask } = api(service)

type Finding = { area: string; state: string; message: string; remedy?: string }

/** What it prints and finds. Its database is that of the service, unless `more` has another. */
async function doctor(more: Record<string, string> = {}) {
  const here = { DATABASE_URL: database.url, MILLRACE_DATA_DIR: home, ...more }
  const { status, stdout, stderr } = await run(['doctor', '--json'], here)
  expect(stderr).toBe('')
  const findings = stdout.split('\n').filter(Boolean)
  return { status, findings: findings.map((line): Finding => JSON.parse(line)) }
}

const not = (state: string, message: RegExp, remedy: RegExp = /./) =>
  expect.objectContaining({
    state,
    message: expect.stringMatching(message),
    remedy: expect.stringMatching(remedy),
  })

describe('millrace doctor', () => {
  it('finds nothing where all is well', async () => {
    await register(service.url, 'good', good.url)
    const { status, findings } = await doctor({ MILLRACE_SECRET_KEY: '00'.repeat(32) })
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
    const messages = findings.map(({ message }) => message).join('\n')
    expect(messages).toMatch(/^The settings are valid\.\nPostgreSQL \d+.*, UTF8/)
    expect(messages).toContain('The secret key is that of the database.')
    expect(messages).toContain('1 of 1 integrations and subscriptions is well.')
    expect(status).toBe(0)
    expect((await run(['doctor'], { DATABASE_URL: database.url })).stdout).toMatch(
      /^ok {4}configuration: The settings are valid\.\nok {4}database: PostgreSQL/,
    )
  })

  it('names settings that are wrong, and goes on', async () => {
    const { status, findings } = await doctor({
      MILLRACE_PUBLSH_RATE: '3',
      MILLRACE_LEASE_MS: 'x',
      MILLRACE_ALLOW_PRIVATE_TARGETS: 'true',
    })
    expect(status).toBe(1)
    expect(findings.slice(0, 3)).toEqual([
      not('fail', /^MILLRACE_LEASE_MS must be a whole number$/),
      not('fail', /^MILLRACE_PUBLSH_RATE .* did you mean MILLRACE_PUBLISH_RATE\?$/),
      not('warn', /^Targets may be at private addresses/),
    ])
    expect(findings.map(({ area }) => area)).toContain('service')
  })

  it('says why a database will not do', async () => {
    const nobody = await doctor({ DATABASE_URL: 'postgres://127.0.0.1:1/x' })
    const unreachable = not('fail', /^The database cannot be reached: /, /^Start Postgres/)
    expect(nobody.findings).toContainEqual(unreachable)
    expect(nobody.status).toBe(1)

    const empty = `test_${randomBytes(6).toString('hex')}`
    await query(inject('serverUrl'), `create database ${empty}`)
    onTestFinished(() => query(inject('serverUrl'), `drop database ${empty}`).then(() => {}))
    const fresh = await doctor({ DATABASE_URL: databaseUrl(inject('serverUrl'), empty) })
    expect(fresh.findings).toContainEqual(not('fail', /^The migration 0001\S* is missing/))

    const latin = `test_${randomBytes(6).toString('hex')}`
    await query(
      inject('serverUrl'),
      `create database ${latin} encoding 'LATIN1' template template0 locale 'C'`,
    )
    onTestFinished(() => query(inject('serverUrl'), `drop database ${latin}`).then(() => {}))
    const other = await doctor({ DATABASE_URL: databaseUrl(inject('serverUrl'), latin) })
    expect(other.findings).toContainEqual(not('fail', /needs a database in UTF8.*LATIN1/))
  })

  it('knows another secret key', async () => {
    const { status, findings } = await doctor({ MILLRACE_SECRET_KEY: '11'.repeat(32) })
    expect(status).toBe(1)
    expect(findings).toContainEqual(not('fail', /secret key|MILLRACE_SECRET_KEY/i, /secret key/))
  })

  it('says where no service answers, and what token is wrong', async () => {
    const nowhere = await doctor({ MILLRACE_URL: 'http://127.0.0.1:1' })
    expect(nowhere.status).toBe(1)
    expect(nowhere.findings.at(-1)).toMatchObject({
      area: 'service',
      state: 'fail',
      message: expect.stringContaining('does not answer'),
    })
    const stranger = await doctor({ MILLRACE_TOKEN: 'wrong' })
    expect(stranger.findings.at(-1)?.message).toContain('millrace login')
  })

  it('takes a stop by hand for a warning', async () => {
    await ask('POST', '/api/v1/org/integrations/eventstream/good/_stop')
    const { status, findings } = await doctor()
    expect(findings).toContainEqual(
      not('warn', /^integration good: Stopped/, /millrace integrations start good$/),
    )
    expect(status).toBe(0)
  })

  it('says what comes before a start, after a stop by the service', async () => {
    await register(service.url, 'refused', refusing.url)
    await register(service.url, 'full', rejecting.url)
    for (let n = 0; n < limits.rejectedEvents; n++) {
      await publish(service.url, { key: `rejected-${n}`, payload: '{}' })
    }
    const shown = await until('both are stopped', async () => {
      const { stdout } = await run(['integrations'])
      return /^full {2}stopped/m.test(stdout) && /^refused {2}stopped/m.test(stdout) && stdout
    })
    const empty = 'millrace rejected retry full --all, or millrace rejected delete full --all'
    const change = 'change its settings (millrace integrations update refused …) or the target'
    const toDo = [
      `To do: ${change}, then millrace integrations start refused`,
      `To do: ${empty}; then millrace integrations start full`,
    ]
    expect(shown.match(/To do: .*(full|refused)$/gm)).toEqual(toDo)
    const { status, findings } = await doctor()
    const failed = findings.filter(({ state }) => state === 'fail')
    expect(failed.map(({ remedy }) => remedy)).toEqual(toDo)
    expect(status).toBe(1)
  })
})

it.each([
  [
    'SQS event 1 failed 11 times; no retries are left.',
    'repair the target, then millrace subscriptions activate crm',
  ],
  [
    '2 rejected event(s) are kept; it completes when the last one is retried or deleted.',
    'millrace rejected retry crm --all --subscription, ' +
      'or millrace rejected delete crm --all --subscription',
  ],
])('the remedy for a stop by the service: %s', (reason, remedy) => {
  const message = `Stopped since 2026-11-20T14:02:11.301200Z by millrace: ${reason}`
  const health = { state: 'stopped', stopped_by: 'millrace', message }
  expect(remedyOf(SUBSCRIPTIONS, 'crm', health)).toBe(`To do: ${remedy}`)
})

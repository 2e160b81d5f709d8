// The whole program with the three roles, as docker-compose.yml starts it: the server makes the
// roles and their passwords from files, the owner migrates, the service publishes and delivers.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { publish, register } from '../../scripts/kit/client.ts'
import { temporary } from '../../scripts/kit/cluster.ts'
import { query } from '../../scripts/kit/postgres.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { startService } from '../helpers/service.ts'

const directory = temporary()
const secrets = path.join(directory, 'secrets')
let server: EmbeddedPostgres

/** The URL of a role, with the password that its file has unless another is given. */
const urlOf = (role: string, password = `of the ${role}`) =>
  server.url.replace('//postgres@', `//millrace_${role}:${encodeURIComponent(password)}@`)

beforeAll(async () => {
  server = await startEmbeddedPostgres(directory)
  mkdirSync(secrets)
  for (const role of ['owner', 'service', 'auditor']) {
    const url = `postgres://millrace_${role}:of the ${role}@postgres:5432/millrace\n`
    writeFileSync(path.join(secrets, `${role}-url`), url)
  }
  const hba = 'local all postgres trust\nlocal all all scram-sha-256\n'
  writeFileSync(path.join(directory, 'postgres/pg_hba.conf'), hba)
  await query(server.url, 'select pg_reload_conf()')
})
afterAll(async () => {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
})

const migrate = (url: string) =>
  spawnSync(process.execPath, [path.resolve('src/main.js'), 'migrate'], {
    env: { PATH: process.env['PATH'], DATABASE_URL: url, MILLRACE_DATA_DIR: directory },
    encoding: 'utf8',
    timeout: 120_000,
  })

it('is initialised by two files, again without harm, and asks for the passwords', async () => {
  const passwords = readFileSync('sql/passwords.sql', 'utf8').replaceAll('/run/secrets', secrets)
  for (let run = 0; run < 2; run++) {
    await query(server.url, readFileSync('sql/roles.sql', 'utf8'))
    await query(server.url, passwords)
  }
  writeFileSync(
    path.join(secrets, 'owner-url'),
    'postgres://millrace_owner:a%20b@postgres/millrace',
  )
  await expect(query(server.url, passwords)).rejects.toThrow(/owner-url has a percent sign/)
  const { rows } = await query(urlOf('owner'), 'select current_user as role')
  expect(rows).toEqual([{ role: 'millrace_owner' }])
  await expect(query(urlOf('owner', 'wrong'), 'select')).rejects.toMatchObject({ code: '28P01' })
})

it('is migrated by the owner alone', () => {
  const refused = migrate(urlOf('service'))
  expect(refused.status).toBe(1)
  expect(refused.stderr.trim()).toBe(
    'The schema needs a migration, and the role millrace_service may not: ' +
      'run "millrace migrate" as a role that may create tables.',
  )
  expect(migrate(urlOf('owner'))).toMatchObject({ status: 0 })
  // Who migrates needs no secret, and makes none.
  expect(readdirSync(directory)).not.toContain('admin-token')
  expect(readdirSync(directory)).not.toContain('secret-key')
})

it('publishes and delivers as the service', async () => {
  const receiver = await startReceiver()
  const service = await startService('start', { DATABASE_URL: urlOf('service') })
  await register(service.url, 'erp', receiver.url)
  expect((await publish(service.url, { key: 'one', payload: '{}' })).status).toBe(201)
  await until('it has arrived', () => receiver.received.length === 1)
  expect(service.output()).not.toMatch(/permission denied|failed/)
  expect(await service.kill('SIGTERM')).toBe(0)
  await receiver.close()
})

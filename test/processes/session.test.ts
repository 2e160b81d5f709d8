// The whole program on a database whose role, itself, or URL says what nothing here may follow, and
// on what cannot work: that is refused at the start in one sentence.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { call, publish, register } from '../../scripts/kit/client.ts'
import { databaseUrl, query } from '../../scripts/kit/postgres.ts'
import { PROGRAM } from '../../scripts/kit/program.ts'
import { startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { useDatabase } from '../helpers/database.ts'
import { freePort } from '../helpers/free-port.ts'
import { hostileSettings } from '../helpers/hostile.ts'
import { tellNotRun } from '../helpers/not-run.ts'
import { startService } from '../helpers/service.ts'

const database = useDatabase()
const role = `hostile_process_${process.pid}`
const names: string[] = []

beforeAll(() => database.admin.pool.query(`create role ${role} login superuser`))
afterAll(async () => {
  for (const name of names) await query(inject('serverUrl'), `drop database ${name} with (force)`)
  await database.admin.pool.query(`drop role ${role}`)
})

async function createDatabase(more = ''): Promise<{ name: string; url: string }> {
  const name = `hostile_${process.pid}_${names.length}`
  await query(inject('serverUrl'), `create database ${name} ${more}`)
  names.push(name)
  return { name, url: databaseUrl(inject('serverUrl'), name) }
}

/** Ends at once, with what it says on standard error. */
function refusalOf(url: string): string {
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'migrate'], {
    env: { PATH: process.env['PATH'], DATABASE_URL: url },
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(status).toBe(1)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  return stderr
}

describe('settings that are not ours', () => {
  async function works(url: string): Promise<void> {
    const service = await startService('start', { DATABASE_URL: url, MILLRACE_SWEEP_MS: '200' })
    const receiver = await startReceiver()
    const keys = `${service.url}/api/v1/api-keys`
    const body = JSON.stringify({ name: 'shop', tenants: ['dodici'], scopes: ['publish'] })
    const made = await call<{ id: string; token: string }>(keys, { body })
    expect(made.status).toBe(201)
    await register(service.url, 'erp', receiver.url)
    const headers = { authorization: `Bearer ${made.body.token}` }
    const published = await publish(service.url, { key: 'one', payload: '{}', headers })
    expect(published.status).toBe(201)
    await until('it has arrived', () => receiver.received.length === 1)
    expect((await call(`${keys}/${made.body.id}`, { method: 'DELETE' })).status).toBe(200)
    const refused = await until('the key is revoked', async () => {
      const reply = await publish(service.url, { key: 'two', payload: '{}', headers })
      return reply.status === 401 && reply
    })
    expect(refused.status).toBe(401)
    expect((await call(`${service.url}/readyz`)).status).toBe(200)
    expect(await service.kill('SIGTERM')).toBe(0)
    await receiver.close()
  }

  it('do no harm on the role', async () => {
    for (const [name, value] of hostileSettings) {
      await database.admin.pool.query(`alter role ${role} set ${name} = ${value}`)
    }
    const { url } = await createDatabase()
    await works(url.replace('postgres@', `${role}@`))
  })

  it('do no harm on the database', async () => {
    const { name, url } = await createDatabase()
    for (const [setting, value] of hostileSettings) {
      await query(inject('serverUrl'), `alter database ${name} set ${setting} = ${value}`)
    }
    await works(url)
  })

  it('do no harm in the URL', async () => {
    const { url } = await createDatabase()
    const options = hostileSettings
      .filter(([name]) => name !== 'search_path' && name !== 'client_encoding')
      .map(([name, value]) => `-c ${name}=${value.replaceAll("'", '').replaceAll(' ', '\\ ')}`)
    await works(`${url}&options=${encodeURIComponent(options.join(' '))}`)
  })
})

describe('what cannot work is refused in one sentence', () => {
  it('another encoding', async () => {
    const { url } = await createDatabase(`encoding 'LATIN1' locale 'C' template template0`)
    expect(refusalOf(url)).toContain('needs a database in UTF8; this one is in LATIN1')
  })

  it('a second installation in another schema', async () => {
    const { url } = await createDatabase()
    await query(url, 'create schema second')
    const asking = `${url}&options=${encodeURIComponent('-c search_path=second')}`
    expect(refusalOf(asking)).toMatch(/DATABASE_URL asks for the search_path second: give it a/)
    await query(url, 'create table second.migration_checksum (name text)')
    expect(refusalOf(url)).toMatch(/tables of millrace are in the schema second/)
  })

  // Debian's pgbouncer, which CI installs: without it this is not shown, and the run says so.
  if (spawnSync('pgbouncer', ['--version']).status !== 0) {
    tellNotRun('pgbouncer is not installed: poolers are not tested')
    return
  }
  it('a pooler in transaction mode, and one in session mode works', async () => {
    const { name, url } = await createDatabase()
    const server = new URL(url.replace('@/', '@localhost/')).searchParams
    const pooled = await startPooler(name, server.get('host') as string, 'transaction')
    expect(refusalOf(pooled.url)).toMatch(/pooler in transaction mode: connect to Postgres/)
    pooled.stop()
    const session = await startPooler(name, server.get('host') as string, 'session')
    const service = await startService('start', { DATABASE_URL: session.url })
    expect((await publish(service.url, { key: 'one', payload: '{}' })).status).toBe(201)
    expect(await service.kill('SIGTERM')).toBe(0)
    session.stop()
  })
})

/** A pgbouncer before a database of the server whose socket is in `host`. */
async function startPooler(name: string, host: string, mode: string) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const port = await freePort()
  mkdirSync(directory, { recursive: true })
  const file = path.join(directory, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
${name} = host=${host} port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 90
`,
  )
  // It refuses to run as root.
  const asRoot = process.getuid?.() === 0 ? ['--user', '--map-user=65534', 'pgbouncer'] : []
  const [command, ...args] = asRoot.length > 0 ? ['unshare', ...asRoot] : ['pgbouncer']
  const child = spawn(command as string, [...args, '-q', file], { stdio: 'ignore' })
  const url = `postgres://postgres@127.0.0.1:${port}/${name}`
  await until('the pooler answers', () => query(url, 'select 1').catch(() => false))
  return { url, stop: () => void child.kill('SIGINT') }
}

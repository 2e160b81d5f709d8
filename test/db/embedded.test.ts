// The embedded Postgres: shared by processes, taken over after a kill -9, started again when it
// dies, stopped by the last one.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { query } from '../../scripts/kit/postgres.ts'
import { until } from '../../scripts/kit/until.ts'
import { isAlive, readIfThere } from '../../src/db/cluster.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'

const dataDir = path.join(mkdtempSync(path.join(os.tmpdir(), 'millrace-test-')), 'x'.repeat(80))
const pidFile = path.join(dataDir, 'postgres/postmaster.pid')
const pid = () => Number.parseInt(readIfThere(pidFile), 10)
/** The connections by which processes say that they use the server. */
const users = `select from pg_stat_activity where application_name = 'millrace embedded'`
const areTwo = (url: string) =>
  query(url, users).then(
    ({ rowCount }) => rowCount === 2,
    () => false,
  )
afterAll(() => rmSync(path.dirname(dataDir), { recursive: true, force: true }))

it('keeps its data, and stops with the last one that uses it', async () => {
  const [first, second] = await Promise.all([
    startEmbeddedPostgres(dataDir),
    startEmbeddedPostgres(dataDir),
  ])
  expect(first.url).toBe(second.url)
  await query(first.url, 'create table kept (x integer)')
  await first.stop()
  expect(existsSync(pidFile)).toBe(true)
  await second.stop()
  expect(existsSync(pidFile)).toBe(false)
})

it('is taken over after a kill -9 of the process that started it', async () => {
  const module = path.resolve(import.meta.dirname, '../../src/db/embedded.ts')
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module)})
    await startEmbeddedPostgres(${JSON.stringify(dataDir)})
    console.log('up')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script])
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  await until('the child has started it', () => output.includes('up'))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited

  const before = pid()
  const taken = await startEmbeddedPostgres(dataDir)
  expect(pid()).toBe(before)
  expect((await query(taken.url, 'select count(*) from kept')).rows).toHaveLength(1)
  await taken.stop()
  expect(existsSync(pidFile)).toBe(false)
})

it('starts where a pid file was left behind whose pid is somebody else by now', async () => {
  writeFileSync(pidFile, `${process.pid}\n${dataDir}/postgres\n`)
  const started = await startEmbeddedPostgres(dataDir)
  expect(pid()).not.toBe(process.pid)
  await started.stop()
})

it.each(['SIGKILL', 'SIGQUIT'] as const)('is started again after %s', async (signal) => {
  const dead: Error[] = []
  const watch = { onDead: (error: Error) => void dead.push(error) }
  const [first, second] = await Promise.all([
    startEmbeddedPostgres(dataDir, watch),
    startEmbeddedPostgres(dataDir, watch),
  ])
  const before = pid()
  process.kill(before, signal)
  // It stays for the one, and ends with the other.
  await until('both use it again', () => pid() !== before && areTwo(first.url))
  await first.stop()
  expect(existsSync(pidFile)).toBe(true)
  await second.stop()
  expect(existsSync(pidFile)).toBe(false)
  expect(dead).toEqual([])
})

it('does not start beside a backend that its predecessor has left', async () => {
  const started = await startEmbeddedPostgres(dataDir)
  const before = pid()
  // A backend that is frozen does not see that the postmaster has died.
  const left = new pg.Client({ connectionString: started.url })
  left.on('error', () => {})
  await left.connect()
  const { rows } = await left.query('select pg_backend_pid() as pid')
  process.kill(rows[0].pid, 'SIGSTOP')
  process.kill(before, 'SIGKILL')
  await until('the postmaster is gone', () => !isAlive(before))
  await expect(startEmbeddedPostgres(dataDir)).rejects.toThrow(/does not start.*still in use/s)
  process.kill(rows[0].pid, 'SIGKILL')
  const again = await startEmbeddedPostgres(dataDir)
  await until('both use it', () => areTwo(again.url))
  await started.stop()
  await again.stop()
  expect(existsSync(pidFile)).toBe(false)
}, 30_000)

it('is given up in words if it cannot be started again', async () => {
  const own = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const { promise: dead, resolve: onDead } = Promise.withResolvers<Error>()
  const started = await startEmbeddedPostgres(own, { onDead, endsMs: 500 })
  const file = path.join(own, 'postgres/postmaster.pid')
  const postmaster = Number.parseInt(readFileSync(file, 'utf8'), 10)
  rmSync(path.join(own, 'postgres/global/pg_control'))
  process.kill(postmaster, 'SIGKILL')
  expect((await dead).message).toMatch(/^The embedded PostgreSQL does not start.*pg_control/s)
  await started.stop()
  rmSync(own, { recursive: true, force: true })
})

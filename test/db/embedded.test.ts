// The embedded Postgres: shared by processes, taken over after a kill -9, stopped by the last one.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { query } from '../helpers/postgres.ts'
import { until } from '../helpers/until.ts'

const dataDir = path.join(mkdtempSync(path.join(os.tmpdir(), 'millrace-test-')), 'x'.repeat(80))
const pidFile = path.join(dataDir, 'postgres/postmaster.pid')
const pid = () => Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
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

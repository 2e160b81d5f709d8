// The embedded Postgres dies under a running service: the service starts it again, and nothing that
// was acknowledged is lost. If it cannot be started the service says so and ends.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { call, register } from '../../scripts/kit/client.ts'
import { PROGRAM } from '../../scripts/kit/program.ts'
import { type Receiver, startReceiver } from '../../scripts/kit/receiver.ts'
import { until } from '../../scripts/kit/until.ts'
import { everythingArrives, expectOrderPerEntity, publishLoad } from '../helpers/load.ts'
import { type Service, startService } from '../helpers/service.ts'

const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
const pidFile = path.join(dataDir, 'postgres/postmaster.pid')
const ENTITIES = 50
let service: Service
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  service = await startService('start', { MILLRACE_DATA_DIR: dataDir })
  await register(service.url, 'erp', receiver.url)
})
afterAll(async () => {
  expect(await service.kill('SIGTERM')).toBe(0)
  await receiver.close()
  rmSync(dataDir, { recursive: true, force: true })
})

it('is started again by the service after SIGKILL and SIGQUIT', async () => {
  const stored = new Map<string, number>()
  const load = { events: 4_000, entities: ENTITIES, publishers: 16, stored }
  const publishing = publishLoad(() => service.url, load)
  for (const [signal, events] of [
    ['SIGKILL', 1_000],
    ['SIGQUIT', 2_000],
  ] as const) {
    await until(`${events} are published`, () => stored.size > events)
    process.kill(Number.parseInt(readFileSync(pidFile, 'utf8'), 10), signal)
    const died = performance.now()
    const { size } = stored
    // More than those whose answers were on their way.
    await until('it publishes again', () => stored.size > size + 2 * load.publishers)
    const seconds = (performance.now() - died) / 1_000
    console.log(`${signal} of the postmaster: published again after ${seconds.toFixed(1)} s`)
  }
  await everythingArrives(receiver, await publishing)
  expectOrderPerEntity(receiver, ENTITIES)
  expect((await call(`${service.url}/readyz`, { token: null })).status).toBe(200)
  expect(service.process.exitCode).toBeNull()
})

it('ends the service in words if it cannot be started', () => {
  const broken = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  mkdirSync(path.join(broken, 'postgres'), { mode: 0o700 })
  writeFileSync(path.join(broken, 'postgres/PG_VERSION'), '9\n')
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'start'], {
    env: { PATH: process.env['PATH'], PORT: '0', MILLRACE_DATA_DIR: broken },
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  expect(stderr).toMatch(/^The embedded PostgreSQL does not start. Its log:\n.*postgresql.conf/s)
  rmSync(broken, { recursive: true, force: true })
})

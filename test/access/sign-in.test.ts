// The code of the link that a start prints: one sign-in, and no more.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { call } from '../../scripts/kit/client.ts'
import { withoutSettings } from '../../scripts/kit/environment.ts'
import { OPEN_SERVICE, PROGRAM } from '../../scripts/kit/program.ts'
import { until } from '../../scripts/kit/until.ts'
import type { Server } from '../../src/server.ts'
import { useDatabase } from '../helpers/database.ts'
import { startHere } from './callers.ts'

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url, {}, { offersSignIn: true })
})
afterAll(() => service.stop())

const signIn = (code: string | undefined, url = service.url) =>
  call<{ token: string }>(`${url}/console/sign-in`, { token: null, body: JSON.stringify({ code }) })

describe('the code', () => {
  it('becomes a key of twelve hours, once', async () => {
    expect((await signIn(`${service.signInCode?.slice(0, -4)}none`)).status).toBe(401)
    const { status, body, headers } = await signIn(service.signInCode)
    expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
    const caller = await call(`${service.url}/whoami`, { token: body.token })
    expect(caller.body).toMatchObject({
      actor: expect.stringMatching(/^API key [0-9a-f]{12} \(console\)$/),
      is_for_every_tenant: true,
    })
    expect(caller.body['scopes']).toContain('admin')
    const left = Date.parse(String(caller.body['expires_at'])) - Date.now()
    expect(Math.round(left / 3_600_000)).toBe(12)
    expect((await signIn(service.signInCode)).status).toBe(401)
  })

  it('is not made for a service that prints no link', async () => {
    const other = await startHere(database.url)
    onTestFinished(() => other.stop())
    expect(other.signInCode).toBeUndefined()
    for (const code of ['undefined', 'null', '0']) {
      expect((await signIn(code, other.url)).status).toBe(401)
    }
  })

  it('is printed to a terminal, as a link', async () => {
    const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-link-'))
    const environment = { DATABASE_URL: database.url, MILLRACE_DATA_DIR: dataDir }
    // Its output is a terminal's.
    const child = spawn(
      'script',
      ['--quiet', '--return', '--command', `${process.execPath} ${PROGRAM} start`, '/dev/null'],
      { env: { ...withoutSettings(), ...OPEN_SERVICE, ...environment }, stdio: 'pipe' },
    )
    onTestFinished(async () => {
      child.kill('SIGTERM')
      await new Promise((resolve) => child.once('close', resolve))
      rmSync(dataDir, { recursive: true })
    })
    let printed = ''
    child.stdout.on('data', (piece) => {
      printed += piece
    })
    const [, url, code] = await until('the link is printed', () =>
      /(http:\S+)\/console#code=(\S+)/.exec(printed),
    )
    expect((await signIn(code, url)).status).toBe(200)
  })
})

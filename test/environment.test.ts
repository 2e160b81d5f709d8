// What a developer has set for a service or a database of their own reaches no test.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, it } from 'vitest'
import { withoutSettings } from '../scripts/kit/environment.ts'

/** Each of them alone would fail a test that starts a service or asks the database. */
const OF_A_DEVELOPER = {
  HOST: 'nowhere.invalid',
  PORT: 'eighty',
  DATABASE_URL_FILE: '/nowhere/url',
  MILLRACE_LEASE_MS: 'ten',
  MILLRACE_ADMIN_TOKEN_FILE: '/nowhere/token',
  PGPORT: '1',
  PGOPTIONS: '-c search_path=nowhere',
  PGPASSFILE: '/nowhere/passwords',
}

it('reads settings of the service and of clients of Postgres, and leaves the rest', () => {
  const own = { PATH: '/bin', NODE_OPTIONS: '', MILLRACES: '1', EXPORT: '1' }
  expect(withoutSettings({ ...own, ...OF_A_DEVELOPER })).toEqual(own)
})

it('runs a test of the service in the environment of a developer', () => {
  const vitest = path.resolve('node_modules/.bin/vitest')
  const { status, stdout, stderr } = spawnSync(vitest, ['run', 'test/version.test.ts'], {
    env: { ...process.env, ...OF_A_DEVELOPER },
    encoding: 'utf8',
  })
  expect(status, stdout + stderr).toBe(0)
})

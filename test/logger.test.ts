// Logs on a terminal, which `script` of util-linux gives to a process, and elsewhere.

import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { tellNotRun } from './helpers/not-run.ts'

const PROGRAM = `
  import { createLogger } from './src/logger.ts'
  createLogger('info', process.argv[1]).warn(
    { tenant: 'dodici', reason: 'It \\u001b[2J fails.', count: 3 },
    'turn \\u009b2J broken off',
  )`
const args = ['--input-type=module', '--eval', PROGRAM, '--']

/** What a line is without a terminal. */
function logged(format: string): string {
  return spawnSync(process.execPath, [...args, format], { encoding: 'utf8' }).stderr
}

it('is a line of JSON without a terminal', () => {
  for (const format of ['auto', 'json']) {
    const line = { level: 40, tenant: 'dodici', count: 3, msg: 'turn \u009b2J broken off' }
    expect(JSON.parse(logged(format))).toMatchObject(line)
  }
})

it('is text for people where that is wanted, and quotes control no terminal', () => {
  const [time, ...rest] = logged('pretty').split(' warn  ')
  expect(time).toMatch(/^\d\d:\d\d:\d\d\.\d{3}$/)
  expect(rest).toEqual([
    'turn \\x9B2J broken off tenant=dodici reason="It \\u001b[2J fails." count=3\n',
  ])
})

it('is text with colours on a terminal', ({ skip }) => {
  const quoted = [process.execPath, ...args, 'auto'].map(
    (arg) => `'${arg.replaceAll("'", "'\\''")}'`,
  )
  const { status, stdout } = spawnSync('script', ['-qec', quoted.join(' '), '/dev/null'], {
    encoding: 'utf8',
    env: { ...process.env, SHELL: '/bin/sh' },
  })
  if (status !== 0) {
    tellNotRun('script (util-linux) is not installed: logs on a terminal are not tested')
    skip()
  }
  expect(stdout).toContain(' \u001b[33mwarn \u001b[0m turn ')
})

// What `make ci` makes of what it runs, with a `make` that prints and ends as told.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const program = path.resolve(import.meta.dirname, '../../scripts/ci.ts')

/** Runs it with shell commands in place of the targets. */
function runCi(targets: { torture: string; test: string }) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const make = path.join(directory, 'make')
  const cases = Object.entries(targets).map(([target, command]) => `${target}) ${command};;`)
  writeFileSync(make, `#!/bin/sh\ncase "$2" in\n${cases.join('\n')}\nesac\n`)
  chmodSync(make, 0o755)
  const { status, stdout } = spawnSync(process.execPath, [program], {
    env: { PATH: `${directory}:${process.env['PATH']}` },
    encoding: 'utf8',
  })
  rmSync(directory, { recursive: true, force: true })
  return { status, lastLine: stdout.trimEnd().split('\n').at(-1) }
}

describe('make ci', () => {
  it('adds the two runs of the torture to what the tests count', () => {
    expect(runCi({ torture: 'exit 0', test: 'echo "1200 passed, 0 failed"' })).toEqual({
      status: 0,
      lastLine: '1202 passed, 0 failed',
    })
  })
  it('fails with a seed of the torture', () => {
    const torture = 'test "$4" = SEED=1'
    expect(runCi({ torture, test: 'echo "1200 passed, 0 failed"' })).toEqual({
      status: 1,
      lastLine: '1201 passed, 1 failed',
    })
  })
  it('counts tests that ended without a count as one that failed', () => {
    expect(runCi({ torture: 'exit 0', test: 'echo killed; exit 2' })).toEqual({
      status: 1,
      lastLine: '2 passed, 1 failed',
    })
  })
})

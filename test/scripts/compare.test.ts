// `make bench BASE=<commit>` compares with a checkout of that commit: it runs, and is gone again.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { checkOut } from '../../scripts/compare/checkout.ts'
import { lineOf } from '../../scripts/compare/side.ts'
import { proportionalMiB } from '../../scripts/kit/memory.ts'
import { startProgram } from '../../scripts/kit/program.ts'
import { tellNotRun } from '../helpers/not-run.ts'

const root = path.resolve(import.meta.dirname, '../..')
const isRepository = existsSync(path.join(root, '.git'))
if (!isRepository) tellNotRun('Not run: a checkout of another commit (this is no git repository).')

it.runIf(isRepository)('checks a commit out as a program, and removes it', async () => {
  const checkout = checkOut('HEAD')
  try {
    const { status, stdout } = await startProgram(['--version'], {}, checkout).ended
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d/) })
  } finally {
    checkout.remove()
  }
  expect(existsSync(checkout.program)).toBe(false)
  const worktrees = execFileSync('git', ['worktree', 'list'], { cwd: root, encoding: 'utf8' })
  expect(worktrees).not.toContain(path.dirname(path.dirname(checkout.program)))
})

it.runIf(isRepository)('says that there is no such commit', () => {
  expect(() => checkOut('no-such-commit')).toThrow('no-such-commit')
})

it('compares turn by turn', () => {
  const { figure, against } = lineOf('x', 'ms', { before: [10, 20, 40], after: [5, 20, 10] })
  expect({ figure, ratio: against?.ratio }).toEqual({ figure: 10, ratio: 0.5 })
})

it.runIf(existsSync('/proc'))('counts the memory of a process and all that descend from it', () => {
  const own = proportionalMiB(process.pid)
  expect(own).toBeGreaterThan(10)
  expect(proportionalMiB(process.ppid)).toBeGreaterThan(own / 2)
  expect(proportionalMiB(2 ** 30)).toBeNaN()
})

// Another commit of this repository as a program: a worktree in a temporary directory, with the
// packages of its own lockfile.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

type Checkout = {
  commit: string
  /** The file that its package.json names: it was src/main.ts once. */
  program: string
  remove(): void
}

/** Checks out a commit, a branch or a tag. Throws git's error if there is none of that name. */
export function checkOut(name: string): Checkout {
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const commit = git('rev-parse', '--short', `${name}^{commit}`).trim()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-base-'))
  git('worktree', 'add', '--detach', directory, commit)
  const lockfiles = [root, directory].map((at) => readFileSync(`${at}/package-lock.json`, 'utf8'))
  if (lockfiles[0] === lockfiles[1])
    symlinkSync(`${root}/node_modules`, `${directory}/node_modules`)
  else execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: directory, stdio: 'ignore' })
  const { bin } = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'))
  return {
    commit,
    program: path.join(directory, bin.millrace),
    remove() {
      rmSync(directory, { recursive: true, force: true })
      git('worktree', 'prune')
    },
  }
}

// `millrace <command>` on a terminal: `script` of util-linux makes one, as a user has it.

import { spawn, spawnSync } from 'node:child_process'
import { PROGRAM } from '../../scripts/kit/program.ts'
import { tellNotRun } from '../helpers/not-run.ts'

/** BSD's `script` takes other options. */
export const hasTerminal = /util-linux/.test(
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '',
)
if (!hasTerminal) tellNotRun('commands on a terminal: not run, no script of util-linux')

type Terminal = {
  /** Everything that the terminal was sent so far. */
  output(): string
  /** Types, as a user does; \x03 is Ctrl-C. */
  type(text: string): void
  /** The exit status, once it has ended. */
  ended: Promise<number | null>
}

/** Starts a command on a terminal of its own. */
export function startOnTerminal(args: string[], environment: Record<string, string>): Terminal {
  const words = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`)
  const line = `stty cols 120; exec ${words.join(' ')}`
  const child = spawn('script', ['--quiet', '--return', '--flush', '-c', line, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'xterm', SHELL: '/bin/sh', ...environment },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  return {
    output: () => output,
    type: (text) => void child.stdin.write(text),
    ended: new Promise((resolve) => child.once('close', resolve)),
  }
}

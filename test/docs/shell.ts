// A shell into which block after block is pasted: what one sets, the next one has. It ends at the
// first command that fails, so that a block cannot fail unseen.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { until } from '../../scripts/kit/until.ts'

export type Shell = {
  /** Runs a block; what it printed. Throws, with that, if a command of it fails. */
  run(text: string): Promise<string>
  /** Everything that was printed so far, by what runs in the background too. */
  transcript(): string
  /** Ends it, and what it has left in the background. */
  close(): void
}

/** As `set -e` would have it for curl, too: an answer of 400 or more is a failure. */
const PRELUDE = 'set -eu -o pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'

/** Starts a shell in `directory`. */
export function startShell(directory: string, environment: NodeJS.ProcessEnv): Shell {
  // A group of its own, as a terminal has, so that the background can be ended with it.
  const bash = spawn('bash', ['--noprofile', '--norc'], {
    cwd: directory,
    env: environment,
    detached: true,
  })
  let all = ''
  for (const stream of [bash.stdout, bash.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      all += chunk
    })
  }
  let isOver = false
  bash.once('exit', () => {
    isOver = true
  })
  // Its end is told by `run`.
  bash.stdin.on('error', () => {})
  bash.stdin.write(PRELUDE)

  return {
    async run(text) {
      const start = all.length
      const end = `the end of ${randomUUID()}`
      // A block that reads its input must not read the next one.
      bash.stdin.write(`{\n${text}\n} </dev/null\necho '${end}'\n`)
      const output = () => all.slice(start)
      await until('the block is over', () => isOver || output().includes(end))
      if (!output().includes(end)) throw new Error(`A command of the block failed:\n${output()}`)
      return output().slice(0, output().indexOf(end))
    },
    transcript: () => all,
    close() {
      try {
        process.kill(-(bash.pid as number), 'SIGTERM')
      } catch {
        // Nothing of it is left.
      }
    },
  }
}

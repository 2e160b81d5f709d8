// A shell into which block after block is pasted: what one sets, the next one has. It ends at the
// first command that fails, so that a block cannot fail unseen.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { until } from '../helpers/until.ts'

export type Shell = {
  /** Runs a block; what it printed. Throws, with that, if a command of it fails. */
  run(text: string): Promise<string>
  close(): void
}

/** As `set -e` would have it for curl, too: an answer of 400 or more is a failure. */
const PRELUDE = 'set -eu -o pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'

export function startShell(directory: string, environment: NodeJS.ProcessEnv): Shell {
  const bash = spawn('bash', ['--noprofile', '--norc'], { cwd: directory, env: environment })
  let output = ''
  for (const stream of [bash.stdout, bash.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  let isOver = false
  bash.once('close', () => {
    isOver = true
  })
  bash.stdin.write(PRELUDE)

  return {
    async run(text) {
      output = ''
      const end = `the end of ${randomUUID()}`
      // A block that reads its input must not read the next one.
      bash.stdin.write(`{\n${text}\n} </dev/null\necho '${end}'\n`)
      await until('the block is over', () => isOver || output.includes(end))
      if (!output.includes(end)) throw new Error(`A command of the block failed:\n${output}`)
      return output.slice(0, output.indexOf(end))
    },
    close: () => void bash.stdin.end(),
  }
}

// A fresh checkout to paste the commands of the manual in: nothing was ever run in it, and what
// they leave behind is gone with it.

import { spawn } from 'node:child_process'
import { readdirSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { temporary } from '../../scripts/kit/cluster.ts'
import { until } from '../../scripts/kit/until.ts'

const root = path.resolve(import.meta.dirname, '../..')

export type Running = { url: string; stop(): Promise<void> }

export type Checkout = {
  directory: string
  /** Runs a command that starts a service, until it is ready; `stop` is Ctrl-C. */
  start(command: string, environment: NodeJS.ProcessEnv): Promise<Running>
  remove(): void
}

/** The files of this one by symbolic links; what is ignored by git is not there. */
export function makeCheckout(): Checkout {
  const directory = temporary()
  for (const name of readdirSync(root)) {
    if (/^\.(git|millrace)/.test(name)) continue
    symlinkSync(path.join(root, name), path.join(directory, name))
  }
  return {
    directory,
    async start(command, environment) {
      // A group of its own, as in a terminal, where Ctrl-C reaches make and what it runs.
      const shell = spawn('bash', ['-c', command], {
        cwd: directory,
        env: environment,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      for (const stream of [shell.stdout, shell.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk
        })
      }
      const ended = new Promise((resolve) => shell.once('close', resolve))
      const [, url = ''] = await until(`ready: ${command}`, () => {
        if (shell.exitCode !== null) throw new Error(`${command} ended:\n${output}`)
        return /^millrace ready (\S+)$/m.exec(output)
      })
      const stop = async () => {
        process.kill(-(shell.pid as number), 'SIGINT')
        await ended
      }
      return { url, stop }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

// A ready process of the service, with the admin token of the kit's client.

import { ADMIN_TOKEN } from './client.ts'
import { OPEN_SERVICE, startProgram } from './program.ts'

export type Command = 'start' | 'serve' | 'work'

export type Service = {
  /** Its URL; empty for a worker. */
  url: string
  process: ReturnType<typeof startProgram>['process']
  /** Everything that it printed. */
  output(): string
  /** Resolves with its exit status; null if a signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts `millrace <command>` and waits until it reports that it is ready. */
export async function startService(
  command: Command,
  environment: NodeJS.ProcessEnv,
): Promise<Service> {
  const settings = { ...OPEN_SERVICE, MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN, ...environment }
  const { process, output, ready, ended } = startProgram([command], settings)
  const url = await ready().catch((error) => {
    process.kill('SIGKILL')
    throw error
  })
  return {
    url,
    process,
    output,
    async kill(signal) {
      process.kill(signal)
      return (await ended).status
    },
  }
}

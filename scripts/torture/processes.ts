// The processes of the service under torture: started, killed, frozen, and restarted automatically,
// as by a supervisor.

import type { ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import path from 'node:path'
import type { Findings } from '../kit/findings.ts'
import { startProgram } from '../kit/program.ts'

export type Managed = {
  name: string
  /** Its URL; undefined for a worker, and while it does not serve. */
  url(): string | undefined
  isReady(): boolean
  pid(): number | undefined
  /** kill -9. It is started again at once. */
  kill(): void
  freeze(): void
  thaw(): void
  /** SIGTERM; resolves with its exit status. It is started again unless `forGood`. */
  end(options: { forGood: boolean }): Promise<number | null>
}

const RESTART_MS = 50
/** A process that freezes in its end gets no mercy. */
const END_MS = 15_000

/** Starts `millrace <command>` of `program` and keeps it running. */
export function manage(
  command: 'serve' | 'work',
  name: string,
  options: {
    program: string
    environment: Record<string, string>
    logs: string
    findings: Findings
  },
): Managed {
  const log = createWriteStream(path.join(options.logs, `${name}.log`), { flags: 'a' })
  let child: ChildProcess | undefined
  let url: string | undefined
  let isReady = false
  let isOver = false
  /** We have ended it: not a finding. */
  let isExpected = false

  const start = () => {
    isExpected = false
    const { program, environment, findings } = options
    const started = startProgram([command], environment, { program })
    child = started.process
    started.process.stderr.pipe(log, { end: false })
    started.ready().then(
      (at) => {
        isReady = true
        url = at || undefined
      },
      // A start needs the database; without one it ends, and is tried again.
      () => {},
    )
    void started.ended.then(({ status }) => {
      if (isReady && !isExpected) {
        findings.broke(
          'ended by itself',
          `${name}: ${started.process.signalCode ?? `status ${status}`}`,
        )
      }
      isReady = false
      url = undefined
      if (!isOver) setTimeout(start, RESTART_MS)
    })
  }
  start()

  return {
    name,
    url: () => url,
    isReady: () => isReady,
    pid: () => child?.pid,
    kill() {
      isExpected = true
      child?.kill('SIGKILL')
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async end({ forGood }) {
      isOver ||= forGood
      isExpected = true
      const ending = child
      if (!ending || ending.exitCode !== null || ending.signalCode !== null) return 0
      const ended = new Promise<number | null>((resolve) => ending.once('exit', resolve))
      ending.kill('SIGTERM')
      const hurry = setTimeout(() => ending.kill('SIGKILL'), END_MS)
      const status = await ended
      clearTimeout(hurry)
      return status
    },
  }
}

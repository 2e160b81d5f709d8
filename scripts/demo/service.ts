// The real service as a child process, in a temporary directory with an embedded PostgreSQL.
// Whatever happens to the demo, `stop` leaves neither a process nor a file behind.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { OPEN_SERVICE, startProgram } from '../kit/program.ts'
import { until } from '../kit/until.ts'

const STOP_TIMEOUT_MS = 30_000
const LOG_SHOWN = 4_000

type Service = {
  /** The URL, once the service has reported that it is ready. */
  ready: Promise<string>
  /** Rejects if the process ends without a request. */
  failure: Promise<never>
  /** Ends the process and what it started, and removes its directory. */
  stop(): Promise<void>
}

/** Starts `millrace start` on a free port. */
export function launchService(options: { adminToken: string; retryBaseMs: number }): Service {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-demo-'))
  const environment = {
    ...OPEN_SERVICE,
    MILLRACE_DATA_DIR: dataDir,
    MILLRACE_ADMIN_TOKEN: options.adminToken,
    MILLRACE_RETRY_BASE_MS: String(options.retryBaseMs),
    MILLRACE_LOG_LEVEL: 'warn',
  }
  // A separate process group: Ctrl-C reaches only the demo, which stops the service once and in
  // order.
  const program = startProgram(['start'], environment, { detached: true })
  let stopping = false
  const failure = program.ended.then(({ status, stderr }) => {
    if (stopping) return new Promise<never>(() => {})
    const how = program.process.signalCode ?? `exit status ${status}`
    throw new Error(`The service ended by itself (${how}).\n${stderr.slice(-LOG_SHOWN)}`)
  })
  failure.catch(() => {})

  return {
    ready: program.ready(),
    failure,
    async stop() {
      stopping = true
      program.process.kill('SIGTERM')
      const hurry = setTimeout(() => program.process.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await program.ended
      clearTimeout(hurry)
      await stopPostgres(dataDir)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/**
 * A killed service leaves its PostgreSQL running, on purpose; here nobody would ever take it over.
 */
async function stopPostgres(dataDir: string): Promise<void> {
  const pidFile = path.join(dataDir, 'postgres/postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
  const hadToStop = signal(pid, 'SIGINT')
  if (hadToStop) await until('the embedded PostgreSQL has ended', () => !signal(pid, 0))
}

/** Whether such a process existed; signal 0 only checks. */
function signal(pid: number, name: 'SIGINT' | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

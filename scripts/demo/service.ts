// The real service as a child process, in a temporary directory of its own with an embedded
// PostgreSQL. Whatever happens to the demo, `stop` leaves neither a process nor a file behind.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { until } from './check.ts'

const program = path.resolve(import.meta.dirname, '../../src/main.ts')
const START_TIMEOUT_MS = 90_000
const STOP_TIMEOUT_MS = 30_000
const LOG_KEPT = 4_000

type Service = {
  /** The URL, once the service has said that it is ready. */
  ready: Promise<string>
  /** Rejects when the process ends without having been asked to. */
  failure: Promise<never>
  /** Ends the process and what it started, and removes its directory. */
  stop(): Promise<void>
}

type Child = ChildProcessByStdio<null, Readable, Readable>

/** Starts `millrace start` on a free port. */
export function launchService(options: { adminToken: string; retryBaseMs: number }): Service {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-demo-'))
  const child = spawn(process.execPath, [program, 'start'], {
    env: {
      ...withoutSettings(process.env),
      PORT: '0',
      MILLRACE_DATA_DIR: dataDir,
      MILLRACE_ADMIN_TOKEN: options.adminToken,
      MILLRACE_ALLOW_PRIVATE_TARGETS: 'true',
      MILLRACE_CHANGES_PER_MINUTE: '0',
      MILLRACE_RETRY_BASE_MS: String(options.retryBaseMs),
      MILLRACE_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C reaches the demo alone, which stops the service once and
    // in order.
    detached: true,
  })
  let stopping = false
  let log = ''
  child.stderr.on('data', (chunk) => {
    log = (log + chunk).slice(-LOG_KEPT)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? `exit status ${code}`))
  })
  const failure = ended.then((how) => {
    if (stopping) return new Promise<never>(() => {})
    throw new Error(`The service ended by itself (${how}).\n${log}`)
  })
  failure.catch(() => {})

  return {
    ready: readyUrl(child),
    failure,
    async stop() {
      stopping = true
      child.kill('SIGTERM')
      const hurry = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(hurry)
      await stopPostgres(dataDir)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** The environment without anything that the service would take for a setting. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSetting = /^(MILLRACE_.*|(HOST|PORT|DATABASE_URL)(_FILE)?)$/
  return Object.fromEntries(Object.entries(environment).filter(([key]) => !isSetting.test(key)))
}

function readyUrl(child: Child): Promise<string> {
  let url: string | undefined
  createInterface(child.stdout).on('line', (line) => {
    url ??= /^millrace ready (\S+)$/.exec(line)?.[1]
  })
  const ready = until(() => url, 'the service is ready', START_TIMEOUT_MS)
  ready.catch(() => {})
  return ready
}

/**
 * A service that was killed leaves its PostgreSQL running, on purpose; here nobody would ever take
 * it over.
 */
async function stopPostgres(dataDir: string): Promise<void> {
  const pidFile = path.join(dataDir, 'postgres/postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
  const hadToStop = signal(pid, 'SIGINT')
  if (hadToStop) await until(() => !signal(pid, 0), 'the embedded PostgreSQL has ended')
}

/** Whether there was such a process to get it; 0 only asks. */
function signal(pid: number, name: 'SIGINT' | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

// The real program as a child process. Its environment is this process's without settings of the
// service. By default it has its own data directory, which is removed at its end.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { withoutSettings } from './environment.ts'

/** The src/main.js of this repository. */
export const PROGRAM = path.resolve(import.meta.dirname, '../../src/main.js')

/**
 * A service on a free port that may send to loopback and accepts changes at any rate. It has a
 * sender of mails, whose address nobody answers.
 */
export const OPEN_SERVICE = {
  PORT: '0',
  MILLRACE_SECRET_KEY: '00'.repeat(32),
  MILLRACE_ALLOW_PRIVATE_TARGETS: 'true',
  MILLRACE_CHANGES_PER_MINUTE: '0',
  MILLRACE_SENDGRID_API_KEY: 'SG.of-nobody',
  MILLRACE_SENDGRID_FROM: 'shop@example.com',
  MILLRACE_SENDGRID_URL: 'http://127.0.0.1:9',
}

/** Takes the sender of mails from it. */
export const WITHOUT_SENDER = {
  MILLRACE_SENDGRID_API_KEY: undefined,
  MILLRACE_SENDGRID_FROM: undefined,
}

const READY_MS = 90_000

/** `status` is null if a signal has ended it. */
export type Ended = { status: number | null; stdout: string; stderr: string }

type Program = {
  process: ChildProcessByStdio<null, Readable, Readable>
  /** Everything it has printed so far, on standard output and standard error. */
  output(): string
  /** Resolves when it reports that it is ready: with its URL, or '' for a worker. */
  ready(): Promise<string>
  /** Resolves when it has ended; never rejects. */
  ended: Promise<Ended>
}

/** Starts `millrace <command>` of this repository, or of `program`. */
export function startProgram(
  command: string[],
  environment: NodeJS.ProcessEnv,
  { program = PROGRAM, detached = false }: { program?: string; detached?: boolean } = {},
): Program {
  const given = environment['MILLRACE_DATA_DIR']
  const dataDir = given ?? mkdtempSync(path.join(os.tmpdir(), 'millrace-data-'))
  const child = spawn(process.execPath, [program, ...command], {
    env: { ...withoutSettings(), PORT: '0', ...environment, MILLRACE_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
  })
  let output = ''
  const printed = { stdout: '', stderr: '' }
  const ready = Promise.withResolvers<string>()
  ready.promise.catch(() => {})
  let isReady = false
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk) => {
      output += chunk
      printed[name] += chunk
      const said = isReady ? null : /^millrace (?:ready (\S+)|working)$/m.exec(printed[name])
      if (!said) return
      isReady = true
      ready.resolve(said[1] ?? '')
    })
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (status, signal) => {
      if (!given) rmSync(dataDir, { recursive: true, force: true })
      ready.reject(
        new Error(`millrace ${command.join(' ')} ended (${signal ?? status}):\n${output}`),
      )
      resolve({ status, ...printed })
    })
  })
  return {
    process: child,
    output: () => output,
    ready() {
      const isLate = () => ready.reject(new Error(`millrace is not ready:\n${output}`))
      const timer = setTimeout(isLate, READY_MS)
      return ready.promise.finally(() => clearTimeout(timer))
    },
    ended,
  }
}

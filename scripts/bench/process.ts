// The real program as a child process against a database of the benchmark, and how much memory it
// takes.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { guardDirectory, guardProcess } from '../kit/guard.ts'

export const ADMIN_TOKEN = 'an-admin-token-for-the-benchmark'
const program = path.resolve(import.meta.dirname, '../../src/main.ts')
const START_TIMEOUT_MS = 60_000
const OUTPUT_KEPT = 4_000

export type Launched = {
  /** Where it answers; empty of one that only works. */
  url: string
  pid: number
  /** Resident memory now, and the most there was so far. NaN where there is no /proc. */
  memoryMiB(): Promise<number>
  peakMemoryMiB(): Promise<number>
  /** SIGTERM, and waits for the end. Throws where it had ended by itself, or fails to stop. */
  stop(): Promise<void>
}

/** Starts `millrace <command>` and waits until it says that it is ready. */
export async function launch(
  command: 'start' | 'serve' | 'work',
  url: string,
  environment: Record<string, string> = {},
): Promise<Launched> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'))
  guardDirectory(dataDir)
  const child = spawn(process.execPath, [program, command], {
    env: {
      ...withoutSettings(process.env),
      DATABASE_URL: url,
      PORT: '0',
      MILLRACE_DATA_DIR: dataDir,
      MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN,
      MILLRACE_SECRET_KEY: '00'.repeat(32),
      MILLRACE_ALLOW_PRIVATE_TARGETS: 'true',
      MILLRACE_CHANGES_PER_MINUTE: '0',
      MILLRACE_LOG_LEVEL: 'error',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  guardProcess(child)
  let output = ''
  let stopping = false
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'no status'))
  })
  const told = (how: string | number) =>
    `millrace ${command} ended (${how}):\n${output.slice(-OUTPUT_KEPT)}`
  void exited.then((how) => {
    rmSync(dataDir, { recursive: true, force: true })
    if (!stopping) console.error(told(how))
  })
  const answersAt = await new Promise<string>((resolve, reject) => {
    const timeout = setTimeout(
      () => reject(new Error(`millrace ${command} is not ready:\n${output}`)),
      START_TIMEOUT_MS,
    )
    void exited.then((how) => reject(new Error(told(how))))
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output = (output + chunk).slice(-2 * OUTPUT_KEPT)
        const ready = /^millrace (?:ready (\S+)|working)$/m.exec(output)
        if (!ready) return
        clearTimeout(timeout)
        resolve(ready[1] ?? '')
      })
    }
  })
  const pid = child.pid as number
  return {
    url: answersAt,
    pid,
    memoryMiB: async () => memoryOf(pid, 'VmRSS'),
    peakMemoryMiB: async () => memoryOf(pid, 'VmHWM'),
    async stop() {
      if (child.exitCode !== null) throw new Error(told(child.exitCode))
      stopping = true
      child.kill('SIGTERM')
      const how = await exited
      if (how !== 0) throw new Error(told(how))
    },
  }
}

/** The environment without anything that the program would take for a setting. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSetting = /^(MILLRACE_.*|(HOST|PORT|DATABASE_URL)(_FILE)?)$/
  return Object.fromEntries(Object.entries(environment).filter(([key]) => !isSetting.test(key)))
}

function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const file = `/proc/${pid}/status`
  if (!existsSync(file)) return Number.NaN
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1]
  return Number(kibibytes) / 1024
}

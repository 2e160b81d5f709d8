// The real program for commands that end by themselves, or are ended.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const program = path.resolve(import.meta.dirname, '../../src/main.ts')

export type Ended = { status: number | null; stdout: string; stderr: string }

/** Runs `millrace <command>` with a data directory of its own; `ended` never rejects. */
export function runProgram(
  command: string[],
  environment: NodeJS.ProcessEnv,
): { process: ChildProcess; ended: Promise<Ended> } {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const child = spawn(process.execPath, [program, ...command], {
    env: { PATH: process.env['PATH'], PORT: '0', MILLRACE_DATA_DIR: dataDir, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const told = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk) => {
      told[name] += chunk
    })
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (status) => {
      rmSync(dataDir, { recursive: true, force: true })
      resolve({ status, ...told })
    })
  })
  return { process: child, ended }
}

// Ends the processes of the benchmark and removes its directory when the benchmark is gone: after
// Ctrl-C, an exception, or kill -9. Each line on its standard input names something to end; the
// input ends with the benchmark.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

let guard: ChildProcess | undefined

/** Registers a process that must not outlive the benchmark. */
export function guardProcess(child: ChildProcess): void {
  report(`process ${child.pid}`)
  child.once('exit', () => report(`over ${child.pid}`))
}

/** Registers a directory to remove after the benchmark, with the PostgreSQL that runs in it. */
export function guardDirectory(directory: string): void {
  report(`directory ${directory}`)
}

function report(line: string): void {
  guard ??= startGuard()
  guard.stdin?.write(`${line}\n`)
}

function startGuard(): ChildProcess {
  // Detached, so that a Ctrl-C in the terminal does not end the process that cleans up.
  const child = spawn(process.execPath, [import.meta.filename], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  })
  child.unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  return child
}

async function keepGuard(): Promise<void> {
  const pids = new Set<number>()
  const directories: string[] = []
  for await (const line of createInterface(process.stdin)) {
    const [what, ...rest] = line.split(' ')
    if (what === 'process') pids.add(Number(rest[0]))
    if (what === 'over') pids.delete(Number(rest[0]))
    if (what === 'directory') directories.push(rest.join(' '))
  }
  for (const pid of pids) signal(pid, 'SIGKILL')
  for (const directory of directories) await endPostgres(directory)
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 })
  }
}

/**
 * An immediate shutdown: nobody will ever read this database. It has ended when its file is gone.
 */
async function endPostgres(directory: string): Promise<void> {
  const pidFile = path.join(directory, 'postgres/postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
  signal(pid, 'SIGQUIT')
  const deadline = Date.now() + 10_000
  while (existsSync(pidFile) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** It may be gone already. */
function signal(pid: number, name: 'SIGKILL' | 'SIGQUIT'): void {
  try {
    process.kill(pid, name)
  } catch {}
}

if (import.meta.main) await keepGuard()

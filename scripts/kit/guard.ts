// Ends what the benchmark started and removes its directory when the benchmark is gone, however it
// went: by Ctrl-C, by an exception, by kill -9. It learns of that from its standard input, which
// ends with the process at the other side; what to end is told there, a line each.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

let guard: ChildProcess | undefined

/** Told of a process that must not outlive the benchmark. */
export function guardProcess(child: ChildProcess): void {
  report(`process ${child.pid}`)
  child.once('exit', () => report(`over ${child.pid}`))
}

/** Told of a directory that goes with the benchmark, and with it the PostgreSQL that runs there. */
export function guardDirectory(directory: string): void {
  report(`directory ${directory}`)
}

function report(line: string): void {
  guard ??= startGuard()
  guard.stdin?.write(`${line}\n`)
}

function startGuard(): ChildProcess {
  // Detached, so that a Ctrl-C in the terminal does not end the one that is to clean up after it.
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

/** An immediate shutdown: nobody will ever read what is in there. It is over without its file. */
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

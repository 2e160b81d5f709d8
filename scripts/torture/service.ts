// The service under torture: two processes that serve, two that work, each with its own proxy to
// the database. The settings make leases end within a minute.

import path from 'node:path'
import { ADMIN_TOKEN } from '../kit/client.ts'
import type { Findings } from '../kit/findings.ts'
import type { NameServer } from '../kit/name-server.ts'
import type { Pair } from '../kit/pair.ts'
import { OPEN_SERVICE, startProgram } from '../kit/program.ts'
import { environmentOf } from './names.ts'
import { type Managed, manage } from './processes.ts'
import { startProxy, type Wire } from './proxy.ts'

export const LEASE_MS = 2_000

const SETTINGS = {
  ...OPEN_SERVICE,
  MILLRACE_ADMIN_TOKEN: ADMIN_TOKEN,
  MILLRACE_LEASE_MS: String(LEASE_MS),
  MILLRACE_SWEEP_MS: '500',
  MILLRACE_RETRY_BASE_MS: '50',
  MILLRACE_DELIVERY_TIMEOUT_MS: '2000',
  MILLRACE_S3_WINDOW_MS: '3000',
  MILLRACE_S3_MAX_BYTES: '8000000',
  MILLRACE_LOG_LEVEL: 'warn',
}

/** Restarted processes reuse the code that `migrate` has compiled. */
const compileCache = (directory: string) => ({
  NODE_COMPILE_CACHE: path.join(directory, 'compiled'),
})

type Service = { servers: Managed[]; workers: Managed[]; proxies: Wire[] }

export async function startService(
  database: Pair,
  options: {
    program: string
    directory: string
    logs: string
    findings: Findings
    names: NameServer
  },
): Promise<Service> {
  const proxies: Wire[] = []
  const start = async (command: 'serve' | 'work', name: string) => {
    const proxy = await startProxy(database.primary.socket)
    proxies.push(proxy)
    const DATABASE_URL = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`
    const directory = { MILLRACE_DATA_DIR: options.directory, ...compileCache(options.directory) }
    const environment = { ...SETTINGS, DATABASE_URL, ...directory, ...environmentOf(options.names) }
    return manage(command, name, { ...options, environment })
  }
  const servers = [await start('serve', 'serve-1'), await start('serve', 'serve-2')]
  const workers = [await start('work', 'work-1'), await start('work', 'work-2')]
  return { servers, workers, proxies }
}

/** Brings the schema up to date with the program under test: its migrations may be the bug. */
export async function migrateWith(program: string, url: string, directory: string): Promise<void> {
  const { status, stderr } = await run(['migrate'], program, url, directory)
  if (status !== 0) throw new Error(`migrate failed:\n${stderr}`)
}

/** Runs `millrace rebuild config`. */
export async function rebuildConfigWith(
  program: string,
  url: string,
  directory: string,
): Promise<{ status: number | null; lines: string[] }> {
  const { status, stdout } = await run(['rebuild', 'config'], program, url, directory)
  return { status, lines: stdout.split('\n').filter(Boolean) }
}

function run(command: string[], program: string, url: string, directory: string) {
  const own = { ...compileCache(directory), DATABASE_URL: url, MILLRACE_DATA_DIR: directory }
  return startProgram(command, { ...SETTINGS, ...own }, { program }).ended
}

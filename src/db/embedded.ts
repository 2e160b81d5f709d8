// The embedded PostgreSQL, shared and watched. It survives a kill -9 of the service: the next start
// takes it over, and other processes of the same data directory go on. The last process that ends
// cleanly stops it. If it dies, the first process to notice restarts it.

import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import {
  type Cluster,
  clusterOf,
  isAlive,
  logTail,
  readIfThere,
  runningPid,
  startPostgres,
  stopPostgres,
} from './cluster.ts'

/** The application name of the connections that mark the cluster as used. */
const USER = 'millrace embedded'
const LOCK_TIMEOUT_MS = 60_000
const CONNECT_TIMEOUT_MS = 5_000
const POLL_MS = 20
const RETRY_MS = 250
/** How long one start may take while the lock is held. */
const START_MS = 10_000
const PROCESS_TOKEN = randomUUID()

/**
 * How long to retry a server that ends after each start (`endsMs`), and one that runs but does not
 * answer (`silentMs`): it is recovering, or has no connection left. `onStarting`: see Watch.
 */
type Patience = { endsMs: number; silentMs: number; onStarting?: (() => void) | undefined }

const AT_START: Patience = { endsMs: 5_000, silentMs: 60_000 }
/**
 * After a kill -9 the server cannot start before the last old backend has ended. A computing
 * backend ends with its statement, within 30 s.
 */
const WATCHED: Patience = { endsMs: 40_000, silentMs: Number.POSITIVE_INFINITY }

export type EmbeddedPostgres = { url: string; stop(): Promise<void> }

/**
 * `onDead`: the server has died, and could not be restarted for `endsMs`. `onStarting`: a process
 * of the server has begun, and this one has time for other work.
 */
type Watch = { onDead: (error: Error) => void; onStarting?: () => void; endsMs?: number }

/**
 * Starts the cluster in `dataDir` (created if missing), or takes over a running one. Throws an
 * Error with the last lines of the server's log if it does not come up. With `watch` a dead server
 * is restarted.
 */
export async function startEmbeddedPostgres(
  dataDir: string,
  watch?: Watch,
): Promise<EmbeddedPostgres> {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const cluster = clusterOf(dataDir)
  const first = await attach(
    dataDir,
    cluster,
    { ...AT_START, onStarting: watch?.onStarting },
    () => true,
  )
  const use = keepUse(first, (mayGoOn) =>
    watch ? restart(dataDir, cluster, watch, mayGoOn) : reconnect(cluster, mayGoOn),
  )
  return {
    url: cluster.url,
    stop: () => withLock(dataDir, () => leave(cluster, use)),
  }
}

/** Connects to the server; starts it if it does not run. */
async function attach(
  dataDir: string,
  cluster: Cluster,
  { endsMs, silentMs, onStarting = () => {} }: Patience,
  mayGoOn: () => boolean,
): Promise<pg.Client | undefined> {
  const began = performance.now()
  while (mayGoOn()) {
    const client = await withLock(dataDir, () => bringUp(cluster, onStarting))
    if (client) return client
    const elapsed = performance.now() - began
    if (elapsed > endsMs && (elapsed > silentMs || runningPid(cluster) === undefined)) {
      throw new Error(`The embedded PostgreSQL does not start. Its log:\n${logTail(cluster)}`)
    }
    await sleep(RETRY_MS)
  }
  return undefined
}

async function bringUp(cluster: Cluster, onStarting: () => void): Promise<pg.Client | undefined> {
  const client = await connect(cluster)
  if (client || runningPid(cluster) !== undefined) return client
  const isUp = await startPostgres(cluster, onStarting)
  const deadline = performance.now() + START_MS
  while (isUp() && performance.now() < deadline) {
    const connected = await connect(cluster)
    if (connected) return connected
    await sleep(POLL_MS)
  }
  return undefined
}

async function restart(
  dataDir: string,
  cluster: Cluster,
  { onDead, endsMs = WATCHED.endsMs }: Watch,
  mayGoOn: () => boolean,
): Promise<pg.Client | undefined> {
  try {
    return await attach(dataDir, cluster, { ...WATCHED, endsMs }, mayGoOn)
  } catch (error) {
    onDead(error as Error)
    return undefined
  }
}

async function reconnect(cluster: Cluster, mayGoOn: () => boolean): Promise<pg.Client | undefined> {
  while (mayGoOn()) {
    const client = await connect(cluster)
    if (client) return client
    await sleep(RETRY_MS, undefined, { ref: false })
  }
  return undefined
}

/** Undefined if the server does not answer, or refuses the connection. */
async function connect({ url }: Cluster): Promise<pg.Client | undefined> {
  const client = new pg.Client({
    connectionString: url,
    application_name: USER,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  client.on('error', () => {}) // the `end` event follows, and is handled
  try {
    await client.connect()
    // The connection is always idle, so no setting of the role may end it for that.
    await client.query('set idle_session_timeout = 0')
    return client
  } catch {
    client.end().catch(() => {}) // it never connected
    return undefined
  }
}

type Use = { pid(): number | undefined; end(): void }

/**
 * Holds a connection open as long as this process uses the cluster: it keeps others from stopping
 * the server. If it ends, the server has died; `renew` opens another.
 */
function keepUse(
  first: pg.Client | undefined,
  renew: (mayGoOn: () => boolean) => Promise<pg.Client | undefined>,
): Use {
  let client: pg.Client | undefined
  let hasEnded = false
  const use = (connected: pg.Client | undefined) => {
    client = connected
    if (hasEnded) end()
    connected?.once('end', () => {
      client = undefined
      if (!hasEnded) void renew(() => !hasEnded).then(use)
    })
  }
  const end = () => {
    hasEnded = true
    client?.end().catch(() => {}) // the server may be gone already
  }
  use(first)
  return {
    pid: () => (client as unknown as { processID: number } | undefined)?.processID,
    end,
  }
}

async function leave(cluster: Cluster, use: Use): Promise<void> {
  use.end()
  const pid = runningPid(cluster)
  if (pid === undefined || (await othersUse(cluster, use.pid()))) return
  await stopPostgres(pid)
}

/**
 * Asks on a separate connection, because ours may be lost. Without an answer the server stays up.
 */
async function othersUse(cluster: Cluster, ownPid: number | undefined): Promise<boolean> {
  const client = new pg.Client({ connectionString: cluster.url, query_timeout: 2_000 })
  client.on('error', () => {}) // the query under way rejects with it
  try {
    await client.connect()
    const { rows } = await client.query(
      `select count(*)::integer as count from pg_stat_activity
       where application_name = $1 and pid <> $2`,
      [USER, ownPid ?? 0],
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
 * a file, created whole by a link. It names its holder by pid and a token of the process, since a
 * container reuses pids. Throws if the lock is not free within a minute.
 */
async function withLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const file = path.join(dataDir, 'postgres.lock')
  const draft = `${file}.${process.pid}.${randomUUID()}`
  const deadline = Date.now() + LOCK_TIMEOUT_MS
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

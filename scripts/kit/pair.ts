// A primary on its own embedded Postgres, and a standby that can be created beside it, follow it
// and replace it. Each server has its own directory; that of a replaced server is removed.

import fs from 'node:fs'
import path from 'node:path'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { copyCluster, makeStandby } from './cluster.ts'
import { query } from './postgres.ts'
import { until } from './until.ts'

export type ServerAccess = {
  /** Through the unix socket. */
  url: string
  socket: string
}

export type Pair = {
  readonly primary: ServerAccess
  readonly standby: ServerAccess | undefined
  /** Ends the primary as `pg_ctl stop -m immediate` does; resolves when it is gone. */
  crash(): Promise<void>
  /** Starts the primary again after a crash; resolves when it answers. */
  restart(): Promise<void>
  /** Copies the primary while it runs, and resolves when the copy follows it as a standby. */
  addStandby(): Promise<ServerAccess>
  /** Whether a commit waits for the standby. Without a standby it would wait for ever. */
  setSynchronous(isOn: boolean): Promise<void>
  /** Promotes the standby; the primary must have crashed. */
  promote(): Promise<void>
  dropStandby(): Promise<void>
  /** The main processes of the servers, for a quick end. */
  pids(): number[]
  stop(): Promise<void>
}

type Server = ServerAccess & { directory: string; running: EmbeddedPostgres }

/** The WAL that a standby may still need during its creation. */
const WAL_SIZE = '1GB'
const FOLLOW_MS = 60_000

/** Starts the primary in its own directory below `directory`. */
export async function startPair(directory: string): Promise<Pair> {
  let count = 0
  const nextDirectory = () => path.join(directory, `server-${++count}`)
  let primary = await startServer(nextDirectory())
  let standby: Server | undefined
  const setPrimary = async (setting: string, value: string) => {
    await query(primary.url, `alter system set ${setting} = '${value}'`)
    await query(primary.url, 'select pg_reload_conf()')
  }
  await setPrimary('wal_keep_size', WAL_SIZE)

  return {
    get primary() {
      return primary
    },
    get standby() {
      return standby
    },
    crash: () => crash(primary),
    async restart() {
      primary = await startServer(primary.directory)
    },
    async addStandby() {
      const next = nextDirectory()
      await copyCluster(primary.url, primary.directory, next)
      makeStandby(next, primary.url)
      standby = await startServer(next)
      await until('the standby follows', () => isFollowed(primary.url), FOLLOW_MS)
      return standby
    },
    setSynchronous: (isOn) => setPrimary('synchronous_standby_names', isOn ? '*' : ''),
    async promote() {
      if (!standby) throw new Error('There is no standby to promote.')
      await query(standby.url, 'select pg_promote()')
      await fs.promises.rm(primary.directory, { recursive: true, force: true })
      primary = standby
      standby = undefined
    },
    async dropStandby() {
      const dropped = standby
      standby = undefined
      if (!dropped) return
      await crash(dropped)
      await fs.promises.rm(dropped.directory, { recursive: true, force: true })
    },
    pids: () => [primary, standby].flatMap((server) => (server ? [pidOf(server)] : [])),
    async stop() {
      await standby?.running.stop()
      await primary.running.stop()
    },
  }
}

async function startServer(directory: string): Promise<Server> {
  const running = await startEmbeddedPostgres(directory)
  const { url } = running
  const { searchParams } = new URL(url.replace(/^postgres:\/\/postgres@\//, 'postgres://x/'))
  const socket = path.join(searchParams.get('host') as string, '.s.PGSQL.5432')
  return { url, socket, directory, running }
}

async function crash(server: Server): Promise<void> {
  const postmaster = pidOf(server)
  process.kill(postmaster, 'SIGQUIT')
  await until('the server is gone', () => !isAlive(postmaster))
  // It has ended already: this only releases its presence.
  await server.running.stop()
}

const pidOf = ({ directory }: Server): number =>
  Number.parseInt(fs.readFileSync(path.join(directory, 'postgres/postmaster.pid'), 'utf8'), 10)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function isFollowed(url: string): Promise<boolean> {
  const { rows } = await query(url, "select from pg_stat_replication where state = 'streaming'")
  return rows.length > 0
}

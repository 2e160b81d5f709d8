// The Postgres of a torture run: an embedded one in a directory of its own, that is crashed and
// started again. Crashed means SIGQUIT to the postmaster, which is what `pg_ctl stop -m immediate`
// sends: every session ends at once, nothing is flushed, the next start recovers from the WAL.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'

export type DatabaseServer = {
  /** Through the unix socket, past every proxy. */
  url: string
  socket: string
  /** Crashes it; resolves when it is down. */
  crash(): Promise<void>
  /** Starts it again; resolves when it answers. */
  start(): Promise<void>
  /** The process of the server's first process, for whoever has to end it in a hurry. */
  pid(): number
  stop(): Promise<void>
}

export async function startDatabase(dataDir: string): Promise<DatabaseServer> {
  let running = await startEmbeddedPostgres(dataDir)
  const { url } = running
  const sockets = new URL(url.replace(/^postgres:\/\/postgres@\//, 'postgres://x/')).searchParams
  const pid = () =>
    Number.parseInt(readFileSync(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10)

  return {
    url,
    socket: path.join(sockets.get('host') as string, '.s.PGSQL.5432'),
    pid,
    async crash() {
      const postmaster = pid()
      process.kill(postmaster, 'SIGQUIT')
      while (isAlive(postmaster)) await sleep(5)
      // It has ended already: this only gives up its presence.
      await running.stop()
    },
    async start() {
      running = await startEmbeddedPostgres(dataDir)
    },
    stop: () => running.stop(),
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export type Session = {
  /** One statement; undefined where the server is away. */
  ask<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[] | undefined>
  close(): Promise<void>
}

/** A session that is made anew when the server was away. Bigints are numbers. */
export function createSession(url: string): Session {
  let client: pg.Client | undefined
  const types = { getTypeParser: parserOf } as unknown as pg.CustomTypesConfig
  const connect = async () => {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: 'torture',
      query_timeout: 300_000,
      types,
    })
    fresh.on('error', () => {
      if (client === fresh) client = undefined
    })
    await fresh.connect()
    client = fresh
    return fresh
  }
  return {
    async ask<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      try {
        return (await (client ?? (await connect())).query<Row>(text, values)).rows
      } catch (error) {
        // A statement that is wrong is a mistake of ours and must be seen.
        if (/^(42|22|23)/.test((error as { code?: string }).code ?? '')) throw error
        const broken = client
        client = undefined
        await broken?.end().catch(() => {})
        return undefined
      }
    },
    async close() {
      await client?.end().catch(() => {})
    },
  }
}

function parserOf(oid: number, format?: 'text' | 'binary') {
  if (oid === pg.types.builtins.INT8) return Number
  if (oid === 1016)
    return (text: string) => text.slice(1, -1).split(',').filter(Boolean).map(Number)
  if (oid === pg.types.builtins.JSON) return (text: string) => text
  return pg.types.getTypeParser(oid, format as 'text')
}

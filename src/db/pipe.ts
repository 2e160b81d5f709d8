// Pipelining: statements follow each other on one connection without waiting for answers, and the
// server executes them in order. Each statement is its own transaction, and fails alone.
// (PostgreSQL manual, "Message Flow".)

import type pg from 'pg'
import { spoilsConnection } from './failure.ts'

/** A way to send statements: a pool, or a pipe. */
export type Queryable = {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>
}

/**
 * A pipe over one connection of a pool opened with `pipeline`. If the connection breaks, all
 * statements under way reject, and the next one gets a new connection. The same happens if the
 * server has become a standby: under steady load the pipe would never give the connection back.
 */
export function createPipe(pool: pg.Pool): Queryable {
  let current: { client: Promise<pg.PoolClient>; underWay: number; isBroken: boolean } | undefined

  return {
    async query<Row extends pg.QueryResultRow>(config: pg.QueryConfig) {
      current ??= { client: pool.connect(), underWay: 0, isBroken: false }
      const held = current
      held.underWay++
      try {
        return await (await held.client).query<Row>(config)
      } catch (error) {
        held.isBroken ||= spoilsConnection(error)
        throw error
      } finally {
        held.underWay--
        if (current === held && (held.isBroken || held.underWay === 0)) current = undefined
        if (held.underWay === 0) held.client.then((client) => client.release(held.isBroken), ignore)
      }
    },
  }
}

/** Callers of a connection that could not be opened already have the error. */
const ignore = () => {}

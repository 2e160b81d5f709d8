// Statements that follow each other on one connection without waiting for answers: the server finds
// the next one when it is done with the last, and carries them out in their order. (Pipelining:
// PostgreSQL manual, "Message Flow"; each statement is a transaction, and fails alone.)

import type pg from 'pg'
import { spoilsConnection } from './failure.ts'

/** What a statement can be sent through: a pool, or a pipe. */
export type Queryable = {
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>
}

/**
 * A pipe over one connection of a pool that is opened with `pipeline`. Where the connection breaks,
 * all that is under way on it rejects, and the next statement gets another one. So it is if the
 * server has become a standby: under steady load a connection would never be given back.
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

/** Whoever asked for a connection that could not be made has been told. */
const ignore = () => {}

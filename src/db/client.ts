// A client of node-postgres that every query of ours passes. It tells failures apart (failure.ts)
// and ends a connection that must not be used again.
//
// It also lets go of a query when it has its answer. V8 allocates a function that is assigned to a
// property as it is written down (`query.callback = () => …`) in the old space, for it takes it for
// a method; node-postgres does so with every query, and the function's scope has the query. So the
// values and the rows of every query outlived all cheap collections: at 4,900 events/s a publisher
// ran a full one of 30 ms every 0.4 s, and its p99 was made of them.

import pg from 'pg'
import { failureOf, spoilsConnection } from './failure.ts'

type Callback = (error: Error | null, result?: pg.QueryResult) => void

/** What a query of node-postgres carries. */
type Carrier = pg.Submittable & {
  callback?: Callback | undefined
  query_timeout?: number | undefined
  values: unknown
  text: string
  name: string | undefined
  _result: unknown
  _results: unknown
}

/** A statement that begins with the comment `prepared: <name>` is prepared under that name. */
const PREPARED = /^\s*\/\* prepared: (\w+) \*\//

export class Client extends pg.Client {
  /** A commit did not wait for the standby that it should wait for: somebody cancelled the wait. */
  #isUnsure = false

  constructor(config?: string | pg.ClientConfig) {
    super(config)
    // Postgres warns of it and then says "done": a failover could lose what was acknowledged so.
    this.on('notice', ({ routine }) => {
      if (routine === 'SyncRepWaitForLSN') this.#isUnsure = true
    })
  }

  override query(config: unknown, values?: unknown, callback?: unknown): never {
    const queue = super.query as (query: unknown, ...rest: unknown[]) => unknown
    if (typeof (config as Partial<Carrier>).submit === 'function') {
      const checked = this.#checked((callback ?? values) as Callback)
      return queue.call(this, config, undefined, checked) as never
    }
    const query = new pg.Query(config as string, values as unknown[]) as unknown as Carrier
    query.name ??= PREPARED.exec(query.text)?.[1]
    const given = query.callback ?? (callback as Callback | undefined)
    query.callback = undefined
    query.query_timeout = (config as Partial<Carrier>).query_timeout
    const [answer, settle] = given ? [undefined, given] : promised()
    queue.call(this, query, settledBy(query, this.#checked(settle)))
    return answer as never
  }

  /**
   * Whether no transaction is open. In one that was left open the next user of the connection would
   * write, and nobody would commit.
   */
  get isIdle(): boolean {
    return (this as unknown as { _txStatus: string | null })._txStatus === 'I'
  }

  /** Names a failure, and ends the connection if it is spoiled: its pool makes another. */
  #checked(settle: Callback): Callback {
    return (error, result) => {
      if (!error && !this.#isUnsure) return settle(null, result)
      const failure = failureOf(error ?? new Error('The commit did not wait for the standby.'))
      if (spoilsConnection(failure)) void this.end()
      settle(failure)
    }
  }
}

function promised(): [Promise<pg.QueryResult>, Callback] {
  const { promise, resolve, reject } = Promise.withResolvers<pg.QueryResult>()
  const settle: Callback = (error, result) => {
    if (error) reject(error)
    else resolve(result as pg.QueryResult)
  }
  return [promise, settle]
}

/**
 * A callback that leaves nothing behind. Of a query that failed the server may still send rows.
 */
function settledBy(query: Carrier, callback: Callback): Callback {
  let settle: Callback | undefined = callback
  return (error, result) => {
    const settled = settle
    settle = undefined
    query.values = undefined
    if (!error) {
      query._result = undefined
      query._results = undefined
    }
    settled?.(error, result)
  }
}

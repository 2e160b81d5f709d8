// The client of node-postgres through which all our queries go. It classifies failures (failure.ts)
// and ends a connection that must not be used again.
//
// It also releases a query once it has its answer. node-postgres assigns a function literal to a
// property of each query (`query.callback = () => …`). V8 takes such a function for a method and
// allocates it in the old space, and the function's scope holds the query. So the values and rows
// of every query outlived all cheap collections, and full collections of 30 ms dominated p99.

import type { Socket } from 'node:net'
import pg from 'pg'
import { failureOf, spoilsConnection } from './failure.ts'

type Callback = (error: Error | null, result?: pg.QueryResult) => void

/** The parts of node-postgres's query that are used here. */
type Carrier = pg.Submittable & {
  callback?: Callback | undefined
  query_timeout?: number | undefined
  values: unknown
  text: string
  name: string | undefined
  _result: unknown
  _results: unknown
}

/** The parts of node-postgres that cancel a statement. */
type Session = {
  host: string
  port: number
  ssl: boolean | object
  processID: number
  secretKey: number
}
type Request = pg.Connection & {
  stream: Socket
  connect(portOrPath: number | string, host?: string): void
  cancel(processID: number, secretKey: number): void
}

const CANCEL_TIMEOUT_MS = 5_000

/** If a statement begins with the comment `prepared: <name>`, it is prepared under that name. */
const PREPARED = /^\s*\/\* prepared: (\w+) \*\//

export class Client extends pg.Client {
  /** Whether a commit was reported although its wait for the standby was cancelled. */
  #isUnsure = false

  constructor(config?: string | pg.ClientConfig) {
    super(config)
    // Postgres only warns, and then reports success: a failover could lose an acknowledged commit.
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
   * Whether no transaction is open. In a transaction left open, the next user's writes would never
   * be committed.
   */
  get isIdle(): boolean {
    return (this as unknown as { _txStatus: string | null })._txStatus === 'I'
  }

  /**
   * Asks the server to cancel what this connection runs. The request has a connection of its own,
   * as the protocol demands; its failure leaves the statement to its time limit.
   */
  cancelStatement(): void {
    const { host, port, ssl, processID, secretKey } = this as unknown as Session
    const request = new pg.Connection({ ssl } as pg.ConnectionConfig) as unknown as Request
    request.on('error', () => request.stream.destroy())
    request.stream.setTimeout(CANCEL_TIMEOUT_MS, () => request.stream.destroy())
    request.once(ssl ? 'sslconnect' : 'connect', () => request.cancel(processID, secretKey))
    if (host.startsWith('/')) request.connect(`${host}/.s.PGSQL.${port}`)
    else request.connect(port, host)
  }

  /** Classifies a failure, and ends the connection if it is spoiled: its pool opens another. */
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

/** A callback that releases the query. After a failure the server may still send rows of it. */
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

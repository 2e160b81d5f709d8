// The connections of a process to webhooks, by origin (origin.ts). The callback for an answer can
// post again at once, on the same connection. If a request meets a connection that the other side
// has closed, it leaves once more on a new one, and the caller does not notice.

import { createConnector } from './connector.ts'
import { type Connection, createOrigin, type Origin } from './origin.ts'
import { type Answer, exchange, type PostLimits, type PostRequest } from './post.ts'

/** Errors of a request on a closed connection; the first one is undici's. */
const CLOSED = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']

type Done = (result: Answer | Error) => void

export type Connections = {
  /**
   * Sends one POST, and reports its result once, as exchange() does. `maySend` is asked before a
   * resend.
   */
  post(request: PostRequest, limits: PostLimits, done: Done, maySend?: () => boolean): void
  /** Cuts off requests in flight and refuses new ones. */
  close(): Promise<void>
}

/**
 * No limit here: each integration has its own in-flight limit, so a slow target takes nothing from
 * another one on the same host.
 */
export function createConnections(options: { allowPrivateTargets: boolean }): Connections {
  const connector = createConnector(options)
  const origins = new Map<string, Origin>()
  let isClosed = false

  return {
    post(request, limits, done, maySend = () => true) {
      const origin = originOf(request.origin)
      const connection = origin.take()
      const begun = performance.now()
      const met = returning(origin, connection, (result) => {
        if (isClosed || !metClosed(connection, result)) return done(result)
        origin.distrust()
        origins.set(request.origin, origin)
        if (!maySend()) return done(result)
        const timeoutMs = Math.max(1, limits.timeoutMs - (performance.now() - begun))
        const fresh = origin.open()
        const rest = { ...limits, timeoutMs }
        exchange(fresh.client, request, rest, returning(origin, fresh, done))
      })
      exchange(connection.client, request, limits, met)
    },
    async close() {
      isClosed = true
      await Promise.all([...origins.values()].map((origin) => origin.close()))
    },
  }

  function originOf(url: string): Origin {
    const known = origins.get(url)
    if (known) return known
    const origin = createOrigin(url, connector, () => {
      if (origins.get(url) === origin) origins.delete(url)
    })
    if (isClosed) void origin.close()
    origins.set(url, origin)
    return origin
  }
}

/** Takes a connection back with its result, and passes the result on. */
function returning(origin: Origin, connection: Connection, done: Done): Done {
  return (result) => {
    if (result instanceof Error || result.body === undefined) origin.drop(connection)
    // Before the callback, which may post again at once, on this connection.
    else origin.giveBack(connection)
    done(result)
  }
}

/** Whether a request met a used connection that was closed meanwhile: no byte came back. */
function metClosed({ answers, watch }: Connection, result: Answer | Error): boolean {
  if (!(result instanceof Error) || answers === 0 || watch?.hasBegun) return false
  return CLOSED.includes((result as NodeJS.ErrnoException).code ?? '')
}

// The connections of a process to webhooks, by origin (origin.ts). Whoever is told of an answer can
// post again at once, on the same connection. A request that met a connection which the other side
// had closed leaves again, once, on a new one, and nobody is told of the first.

import { createConnector } from './connector.ts'
import { type Connection, createOrigin, type Origin } from './origin.ts'
import { type Answer, exchange, type PostLimits, type PostRequest } from './post.ts'

/** Errors of a request whose connection was closed; the first one is undici's. */
const CLOSED = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']

type Done = (result: Answer | Error) => void

export type Connections = {
  /**
   * One POST; what came of it is told once, as exchange() does. `mayGo` is asked before it leaves a
   * second time.
   */
  post(request: PostRequest, limits: PostLimits, done: Done, mayGo?: () => boolean): void
  /** Cuts off what is under way; nothing leaves any more. */
  close(): Promise<void>
}

/**
 * Not bounded here: each integration's in-flight limit bounds its own, so that a slow target takes
 * nothing from another one of the same host.
 */
export function createConnections(options: { allowPrivateTargets: boolean }): Connections {
  const connector = createConnector(options)
  const origins = new Map<string, Origin>()
  let isClosed = false

  return {
    post(request, limits, done, mayGo = () => true) {
      const origin = originOf(request.origin)
      const connection = origin.take()
      const begun = performance.now()
      send(origin, connection, request, limits, (result) => {
        if (isClosed || !metClosed(connection, result)) return done(result)
        origin.distrust()
        origins.set(request.origin, origin)
        if (!mayGo()) return done(result)
        const timeoutMs = Math.max(1, limits.timeoutMs - (performance.now() - begun))
        send(origin, origin.open(), request, { ...limits, timeoutMs }, done)
      })
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

function send(
  origin: Origin,
  connection: Connection,
  request: PostRequest,
  limits: PostLimits,
  done: Done,
): void {
  exchange(connection.client, request, limits, (result) => {
    if (result instanceof Error || result.body === undefined) origin.drop(connection)
    // Before it is told: who is told may post again at once, and then to this one.
    else origin.giveBack(connection)
    done(result)
  })
}

/** Whether a request met a connection that had served before and was closed: no byte came back. */
function metClosed({ answers, watch }: Connection, result: Answer | Error): boolean {
  if (!(result instanceof Error) || answers === 0 || watch?.hasBegun) return false
  return CLOSED.includes((result as NodeJS.ErrnoException).code ?? '')
}

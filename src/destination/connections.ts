// The connections of a process to webhooks: one for each request that is under way, kept alive,
// the one that was used last first. Each is a client of undici's. Its Agent gives a connection that
// has just answered to nobody for another turn of the event loop, and looks at one that stood idle
// twice before it writes to it; here who is told of an answer can post again at once, and that
// request waits at the same connection before undici puts it aside. (A backlog to a receiver that
// answers at once, 64 in flight, by turns: 34,100 events/s over an Agent, 37,400 over these.)

import { buildConnector, Client } from 'undici'
import { publicLookup } from './address.ts'
import { type Answer, exchange, type PostLimits, type PostRequest } from './post.ts'

const CONNECT_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 10_000
const HEADER_BYTES = 16_384

export type Connections = {
  /** One POST; what came of it is told once, as exchange() does. */
  post(request: PostRequest, limits: PostLimits, done: (result: Answer | Error) => void): void
  /** Cuts off what is under way; nothing leaves any more. */
  close(): Promise<void>
}

/**
 * Not bounded here: each integration's in-flight limit bounds its own, so that a slow target takes
 * nothing from another one of the same host.
 */
export function createConnections(options: { allowPrivateTargets: boolean }): Connections {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    ...(options.allowPrivateTargets ? {} : { lookup: publicLookup }),
  })
  const clients = new Set<Client>()
  const idle = new Map<string, Client[]>()
  let isClosed = false

  return {
    post(request, limits, done) {
      const { origin } = request
      const client = idle.get(origin)?.pop() ?? open(origin)
      exchange(client, request, limits, (result) => {
        // Before it is told: who is told may post again at once, and then to this one.
        if (result instanceof Error || result.body === undefined) forget(client)
        else giveBack(origin, client)
        done(result)
      })
    },
    async close() {
      isClosed = true
      await Promise.all([...clients].map((client) => client.destroy()))
    },
  }

  function open(origin: string): Client {
    const client = new Client(origin, {
      connect,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES,
      pipelining: 1,
    })
    clients.add(client)
    if (isClosed) forget(client)
    // It was idle for too long, or the other side has hung up; one that is in use connects again.
    client.on('disconnect', () => {
      const others = idle.get(origin) ?? []
      const at = others.indexOf(client)
      if (at === -1) return
      others.splice(at, 1)
      if (others.length === 0) idle.delete(origin)
      forget(client)
    })
    return client
  }

  function giveBack(origin: string, client: Client): void {
    const others = idle.get(origin)
    if (others) others.push(client)
    else idle.set(origin, [client])
  }

  function forget(client: Client): void {
    clients.delete(client)
    void client.destroy()
  }
}

// A TCP proxy before Postgres that loses a connection at one statement: the statement is late (the
// client is cut off and gives up, the server gets it when it is told to), its answer is lost (the
// server carries it out, the client never hears of it), or its answer is the last one (from then on
// it is down). It can also be silent or down for all.

import net from 'node:net'

export type Fate = 'late' | 'answer lost' | 'last answer'

export type Wire = {
  /** The database's URL through the proxy. */
  url: string
  /** What happens to the next connection that sends `marker`. */
  catchNext(marker: string, fate: Fate): void
  /** How many were caught. */
  readonly caught: number
  /** What is sent from now on reaches nobody. */
  goSilent(): void
  /** Ends every connection for the clients: the server does not learn of it. */
  halfOpen(): void
  /** Ends every connection, and each that comes, until it is up again. */
  goDown(): void
  comeUp(): void
  /** Hands over what is late; resolves when the server has answered it. */
  deliver(): Promise<void>
  close(): Promise<void>
}

/** Starts it before the database of a URL, which names a host and port or a unix socket. */
export async function startWire(databaseUrl: string): Promise<Wire> {
  const target = new URL(databaseUrl.replace('@/', '@localhost/'))
  const directory = target.searchParams.get('host')
  const port = Number(target.searchParams.get('port') ?? (target.port || 5432))
  const address = directory ? { path: `${directory}/.s.PGSQL.${port}` } : { host: target.hostname }
  const sockets = new Set<net.Socket>()
  const cuts = new Set<() => void>()
  let awaited: { marker: string; fate: Fate } | undefined
  let late: { upstream: net.Socket; bytes: Buffer } | undefined
  let caught = 0
  let isDown = false
  let isSilent = false

  const server = net.createServer({ noDelay: true }, (client) => {
    if (isDown) return client.resetAndDestroy()
    const upstream = net.connect({ port, ...address })
    let isCaught = false
    let isLast = false
    cuts.add(() => {
      isCaught = true
      client.resetAndDestroy()
    })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    upstream.on('data', (chunk) => {
      if (isLast) {
        client.end(chunk)
        goDown(client)
      } else if (!isCaught) client.write(chunk)
      // The server has answered: now the client learns that its connection is gone.
      else client.resetAndDestroy()
    })
    upstream.on('close', () => client.destroy())
    client.on('close', () => !isCaught && upstream.destroy())
    client.on('data', (chunk) => {
      if (awaited && chunk.includes(awaited.marker)) {
        const { fate } = awaited
        awaited = undefined
        isLast = fate === 'last answer'
        isCaught = !isLast
        caught++
        if (fate !== 'late') upstream.write(chunk)
        else {
          late = { upstream, bytes: chunk }
          client.resetAndDestroy()
        }
      } else if (!isSilent) upstream.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  target.host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  target.search = ''

  function goDown(but?: net.Socket): void {
    isDown = true
    for (const socket of sockets) if (socket !== but) socket.destroy()
  }

  return {
    url: target.href,
    catchNext(marker, fate) {
      awaited = { marker, fate }
    },
    get caught() {
      return caught
    },
    goSilent() {
      isSilent = true
    },
    halfOpen() {
      for (const cut of cuts) cut()
      cuts.clear()
    },
    goDown: () => goDown(),
    comeUp() {
      isSilent = false
      isDown = false
    },
    async deliver() {
      const { upstream, bytes } = late as NonNullable<typeof late>
      const answered = new Promise((resolve) => upstream.once('data', resolve))
      upstream.write(bytes)
      await answered
      upstream.destroy()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

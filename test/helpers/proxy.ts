// A TCP proxy before a server, which can be down, or reset connections in the middle of a request.

import net from 'node:net'

export type TcpProxy = {
  /** The target's URL with the proxy's port. */
  url: string
  /** Connections are reset at once. */
  isDown: boolean
  /** A connection is reset after this many bytes. */
  resetAfterBytes: number
  /** How often that happened. */
  resets: number
  close(): Promise<void>
}

export async function startProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), hostname)
    let sent = 0
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        to.destroy()
        sockets.delete(from)
      })
    }
    if (proxy.isDown) client.resetAndDestroy()
    client.on('data', (chunk) => {
      sent += chunk.length
      if (proxy.isDown || sent > proxy.resetAfterBytes) {
        proxy.resets++
        client.resetAndDestroy()
      } else if (!upstream.write(chunk)) {
        client.pause()
        upstream.once('drain', () => client.resume())
      }
    })
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: TcpProxy = {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    isDown: false,
    resetAfterBytes: Number.POSITIVE_INFINITY,
    resets: 0,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return proxy
}

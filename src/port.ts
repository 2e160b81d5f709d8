// Opens the port of a server, and says what to do if another process has it.

import type net from 'node:net'

/** Rejects with the reason and `remedy` if the port is in use; its cause is node's error. */
export function openPort(
  server: net.Server,
  { host, port, backlog }: { host: string; port: number; backlog?: number },
  remedy: string,
): Promise<net.AddressInfo> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const inUse = `Port ${port} of ${host} is in use: ${remedy}.`
      reject(error.code === 'EADDRINUSE' ? new Error(inUse, { cause: error }) : error)
    }
    server.once('error', fail)
    server.listen({ port, host, ...(backlog ? { backlog } : {}) }, () => {
      server.off('error', fail)
      resolve(server.address() as net.AddressInfo)
    })
  })
}

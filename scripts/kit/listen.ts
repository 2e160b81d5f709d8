// Servers on loopback, each on a free port.

import http from 'node:http'
import type net from 'node:net'

/** Listens on a free port of loopback, or on `port`. Resolves with the port. */
export function listen(server: net.Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve((server.address() as net.AddressInfo).port)
    })
  })
}

/**
 * An HTTP server that calls `onRequest` with the whole body of a request. Idle connections outlive
 * any test.
 */
export function createBodyServer(
  onRequest: (request: http.IncomingMessage, body: Buffer, response: http.ServerResponse) => void,
): http.Server {
  return http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    // The sender broke off.
    request.on('error', () => {})
    request.on('end', () => onRequest(request, Buffer.concat(chunks), response))
  })
}

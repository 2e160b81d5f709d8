// A receiver of webhooks that answers 200. For a first look; it stores nothing.

import http from 'node:http'
import { openPort } from '../port.ts'

/** A delivery. `lateMs` is the time since its event was published; undefined without a position. */
export type Arrival = { body: string; lateMs: number | undefined }

type Receiver = { url: string; close(): void }

/** Listens on loopback, on `port`, 0 for any. */
export async function openReceiver(
  port: number,
  onArrival: (arrival: Arrival) => void,
): Promise<Receiver> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const { 'millrace-position': position } = request.headers
      const lateMs = position ? Date.now() - Number(position) / 1000 : undefined
      if (request.method === 'POST') onArrival({ body, lateMs })
      response.end()
    })
  })
  const remedy = `end the other process, or name another: millrace listen ${port + 1}`
  const address = await openPort(server, { host: '127.0.0.1', port }, remedy)
  return {
    url: `http://127.0.0.1:${address.port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

// A real HTTP receiver on loopback that remembers what came and answers as told.

import http from 'node:http'
import type { AddressInfo } from 'node:net'

export type Received = {
  method: string
  url: string
  headers: http.IncomingHttpHeaders
  body: Buffer
  position: number
  at: number
}
export type Answer = (request: Received, response: http.ServerResponse) => void

export type Receiver = {
  url: string
  port: number
  received: Received[]
  /** How the next requests are answered. */
  answer: Answer
  close(): Promise<void>
}

export const ok: Answer = (_, response) => response.end()
export const status =
  (code: number, headers: http.OutgoingHttpHeaders = {}, body = ''): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end(body)

/** Starts a receiver on a free port, or on `port`. */
export async function startReceiver(answer: Answer = ok, port = 0): Promise<Receiver> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const position = Number(headers['millrace-position'])
      const received = {
        method,
        url,
        headers,
        position,
        body: Buffer.concat(chunks),
        at: Date.now(),
      }
      receiver.received.push(received)
      receiver.answer(received, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address() as AddressInfo
  const receiver: Receiver = {
    url: `http://127.0.0.1:${address.port}/`,
    port: address.port,
    received: [],
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}

/** The payload's bytes in a webhook's body, as they are. */
export function payloadOf({ body }: Received): Buffer {
  const start = body.indexOf('"payload":') + '"payload":'.length
  return body.subarray(start, body.length - 1)
}

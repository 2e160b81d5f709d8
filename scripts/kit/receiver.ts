// A real HTTP receiver on loopback that remembers its requests; tests set its answers.

import type http from 'node:http'
import { createBodyServer, listen } from './listen.ts'

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
  /** The answer to the next requests. */
  answer: Answer
  close(): Promise<void>
}

export const ok: Answer = (_, response) => response.end()
export const status =
  (code: number, headers: http.OutgoingHttpHeaders = {}, body = ''): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end(body)

/** Starts a receiver on a free port, or on `port`. */
export function startReceiver(answer: Answer = ok, port = 0): Promise<Receiver> {
  return openReceiver({} as Receiver, answer, port)
}

/** Makes a receiver of `receiver`, for tests that name it before it listens. */
export async function openReceiver(
  receiver: Receiver,
  answer: Answer = ok,
  port = 0,
): Promise<Receiver> {
  const server = createBodyServer(({ method = '', url = '', headers }, body, response) => {
    const position = Number(headers['millrace-position'])
    const received = { method, url, headers, body, position, at: Date.now() }
    receiver.received.push(received)
    receiver.answer(received, response)
  })
  const listening = await listen(server, port)
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${listening}/`,
    port: listening,
    received: [],
    answer,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}

/** The payload's exact bytes in a webhook's body. */
export function payloadOf({ body }: Received): Buffer {
  const start = body.indexOf('"payload":') + '"payload":'.length
  return body.subarray(start, body.length - 1)
}

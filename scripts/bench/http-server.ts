// A minimal HTTP/1.1 server: it reads requests with a Content-Length, one after the other on a
// connection, and answers with a status alone. Receivers run on the measured machine, and with
// node:http they would cost four fifths of what a request costs its sender.

import net from 'node:net'

export type Request = {
  path: string
  header(name: keyof typeof HEADERS): string | undefined
  answer(status: number): void
}

const END_OF_HEAD = '\r\n\r\n'
const HEADERS = {
  'content-length': /\r\ncontent-length: *(\d+)/i,
  'idempotency-key': /\r\nidempotency-key: *([^\r]*)/i,
  'millrace-position': /\r\nmillrace-position: *(\d+)/i,
}

/** A server that passes each complete request to `onRequest`. */
export function createHttpServer(onRequest: (request: Request) => void): net.Server {
  return net.createServer({ noDelay: true }, (socket) => {
    let unread: Buffer | undefined
    // A sender that is killed resets its connections.
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      unread = unread ? Buffer.concat([unread, chunk]) : chunk
      while (unread) {
        const end: number | undefined = readRequest(unread, socket, onRequest)
        if (end === undefined) return
        unread = end === unread.length ? undefined : unread.subarray(end)
      }
    })
  })
}

/** The end of the first request in `bytes`; undefined if it is incomplete. */
function readRequest(
  bytes: Buffer,
  socket: net.Socket,
  onRequest: (request: Request) => void,
): number | undefined {
  const headEnd = bytes.indexOf(END_OF_HEAD, 0, 'latin1')
  if (headEnd === -1) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const header = (name: keyof typeof HEADERS) => HEADERS[name].exec(head)?.[1]
  const end = headEnd + END_OF_HEAD.length + Number(header('content-length') ?? 0)
  if (bytes.length < end) return undefined
  const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'))
  const answer = (status: number) =>
    socket.write(`HTTP/1.1 ${status} -\r\ncontent-length: 0\r\n\r\n`, 'latin1')
  onRequest({ path, header, answer })
  return end
}

// A minimal HTTP/1.1 client: one kept-alive connection, one request at a time, answers with a
// Content-Length. The load runs on the measured machine: a request costs it 13 to 20 us with this,
// and 22 to 27 us with undici.

import net from 'node:net'

export type Answer = { status: number; body: string }

type HttpClient = {
  /** Sends a request; `onAnswer` gets its outcome, an Error if the connection broke. */
  post(path: string, headers: Record<string, string>, body: Buffer): void
  close(): void
}

const READ_BYTES = 16_384
const END_OF_HEAD = '\r\n\r\n'
const LENGTH = /\r\ncontent-length: *(\d+)/i

/** A client of the server at `url`. */
export function createHttpClient(
  url: string,
  onAnswer: (answer: Answer | Error) => void,
): HttpClient {
  const { hostname, port, host } = new URL(url)
  let unread = ''
  const onread = { buffer: Buffer.allocUnsafe(READ_BYTES), callback: read }
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true, onread })
  let failure: Error | undefined
  let isClosed = false
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', () => {
    if (!isClosed) onAnswer(failure ?? new Error('The server closed the connection.'))
  })

  return {
    post(path, headers, body) {
      let head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\n`
      for (const name in headers) head += `${name}: ${headers[name]}\r\n`
      head += `content-length: ${body.length}${END_OF_HEAD}`
      const request = Buffer.allocUnsafe(head.length + body.length)
      request.write(head, 'latin1')
      body.copy(request, head.length)
      socket.write(request)
    },
    close() {
      isClosed = true
      socket.destroy()
    },
  }

  function read(size: number, buffer: Uint8Array): boolean {
    unread += (buffer as Buffer).toString('latin1', 0, size)
    const headEnd = unread.indexOf(END_OF_HEAD)
    if (headEnd === -1) return true
    const bodyStart = headEnd + END_OF_HEAD.length
    const end = bodyStart + Number(LENGTH.exec(unread)?.[1] ?? 0)
    if (unread.length < end) return true
    const status = Number(unread.slice(9, 12))
    const body = unread.slice(bodyStart, end)
    unread = ''
    onAnswer({ status, body })
    return true
  }
}

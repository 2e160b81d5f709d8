// An HTTP/1.1 client that sends exactly the given bytes: broken requests need one. It also sees
// what a lenient client hides, such as a second answer or bytes after the last one.

import net from 'node:net'

export type Answer = {
  status: number
  headers: Map<string, string>
  body: Buffer
  /** From the last byte of the request, or the moment it was given up, to the end of the answer. */
  ms: number
}

/** The outcome of bytes: answers in order, and whether the server closed. */
export type Exchange = { answers: Answer[]; isClosed: boolean; ms: number }

export type Wire = {
  /**
   * One request, one answer. Undefined if the connection closed, or PATIENCE_MS passed without one.
   */
  send(bytes: Buffer, options?: { isHead?: boolean }): Promise<Answer | undefined>
  close(): void
}

/** The time limit of an answer. */
export const PATIENCE_MS = 10_000

/** A connection that is kept alive, and opened again when the server has closed it. */
export function createWire({ hostname, port }: URL): Wire {
  let socket: net.Socket | undefined

  return {
    async send(bytes, { isHead = false } = {}) {
      const isFresh = !socket || socket.destroyed || socket.readyState !== 'open'
      if (isFresh) socket = net.connect({ host: hostname, port: Number(port), noDelay: true })
      const used = socket as net.Socket
      const exchange = await exchangeOn(used, () => used.write(bytes), { isHead, most: 1 })
      const [answer] = exchange.answers
      if (!answer || exchange.isClosed || answer.headers.get('connection') === 'close') {
        used.destroy()
      }
      return answer
    },
    close: () => void socket?.destroy(),
  }
}

/**
 * Sends bytes on a separate connection, in pieces, one each time `pause` resolves. Resolves when
 * the server has closed, `most` answers have come, or `untilMs` have passed. `end` half-closes.
 */
export async function exchange(
  { hostname, port }: URL,
  pieces: Buffer[],
  options: { most: number; untilMs: number; end: boolean },
): Promise<Exchange> {
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true })
  const write = async () => {
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, 2))
      if (socket.destroyed) return
      socket.write(piece)
    }
    if (options.end) socket.end()
  }
  const result = await exchangeOn(socket, write, { ...options, isHead: false })
  socket.destroy()
  return result
}

function exchangeOn(
  socket: net.Socket,
  write: () => unknown,
  { isHead, most, untilMs = PATIENCE_MS }: { isHead: boolean; most: number; untilMs?: number },
): Promise<Exchange> {
  return new Promise((resolve) => {
    const began = performance.now()
    const answers: Answer[] = []
    let received: Buffer = Buffer.alloc(0)
    const finish = (isClosed: boolean) => {
      clearTimeout(timer)
      socket.removeAllListeners('data').removeAllListeners('close')
      resolve({ answers, isClosed, ms: performance.now() - began })
    }
    const timer = setTimeout(() => finish(false), untilMs)
    socket.removeAllListeners('error').on('error', () => {}) // close follows
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      for (;;) {
        const read = readAnswer(received, { isHead, isClosed: false })
        if (!read) return
        received = received.subarray(read.end)
        if (read.status >= 200) answers.push({ ...read, ms: performance.now() - began })
        if (answers.length >= most) return finish(false)
      }
    })
    socket.on('close', () => {
      const read = readAnswer(received, { isHead, isClosed: true })
      if (read) answers.push({ ...read, ms: performance.now() - began })
      finish(true)
    })
    void write()
  })
}

type Read = { status: number; headers: Map<string, string>; body: Buffer; end: number }

/** The first whole answer in bytes; undefined while it is incomplete. */
export function readAnswer(
  bytes: Buffer,
  { isHead, isClosed }: { isHead: boolean; isClosed: boolean },
): Read | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) ?/.exec(statusLine)?.[1] ?? Number.NaN)
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    }),
  )
  const start = headEnd + 4
  const whole = (body: Buffer, end: number) => ({ status, headers, body, end })
  if (isHead || status < 200 || status === 204 || status === 304) {
    return whole(Buffer.alloc(0), start)
  }
  if (headers.get('transfer-encoding') === 'chunked') {
    // A stream of events has no end: its first bytes are judged.
    const isEndless = headers.get('content-type')?.startsWith('text/event-stream') === true
    if (isEndless && bytes.length > start) return whole(bytes.subarray(start), bytes.length)
    return readChunks(bytes, start, whole)
  }
  const length = headers.get('content-length')
  if (length === undefined) return isClosed ? whole(bytes.subarray(start), bytes.length) : undefined
  const end = start + Number(length)
  return bytes.length >= end ? whole(bytes.subarray(start, end), end) : undefined
}

function readChunks(
  bytes: Buffer,
  start: number,
  whole: (body: Buffer, end: number) => Read,
): Read | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const next = lineEnd + 2 + size + 2
    if (bytes.length < next) return undefined
    if (size === 0) return whole(Buffer.concat(chunks), next)
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = next
  }
}

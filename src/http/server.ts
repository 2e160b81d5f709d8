// An HTTP server that connections cannot exhaust. A head and a body have time limits, and a
// connection without progress is closed. Beyond a number of connections the longest silent one is
// closed, but never one with a request in work. Uploads of known callers are bounded by their
// budget (body.ts), and closed last.

import http from 'node:http'
import type { Socket } from 'node:net'
import { limits } from '../config.ts'

declare module 'node:http' {
  interface IncomingMessage {
    /** A body is being read for a caller with a valid token. */
    isOfKnownCaller?: boolean
    /** Its body may take any time: its route bounds the time without progress. */
    isStreamed?: boolean
  }
}

/** Requests that a connection may send before it has an answer (pipelining). */
const MOST_AHEAD = 64
const OPTIONS = {
  keepAliveTimeout: 65_000,
  headersTimeout: limits.headMs,
  requestTimeout: limits.requestMs,
  connectionsCheckingInterval: 2_000,
  // How much of a body node reads before it is requested.
  highWaterMark: 16 * 1024,
}

/** The status of an error before there is a request. */
const REFUSALS: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

type Connection = {
  socket: Socket
  /** When it was opened, its last request came or was answered, or its upload made progress. */
  since: number
  /** The bytes of its upload that were read by then. */
  read: number
  /** The last one; undefined before the first. */
  request: http.IncomingMessage | undefined
  /** The answers that have not left. */
  answers: Set<http.ServerResponse>
}

/**
 * A server for `handle`. `most` bounds its connections, and those without a request for `silentMs`:
 * in a burst, many are accepted before the first one is read.
 */
export function createServer(
  handle: http.RequestListener,
  most: { all: number; silent: number; silentMs: number } = limits.connections,
): http.Server {
  const connections = new Map<Socket, Connection>()
  const server = http.createServer(OPTIONS, (request, answer) => {
    const connection = connections.get(request.socket)
    if (!connection) return // It was closed while this was read.
    const { answers } = connection
    connection.since = performance.now()
    connection.request = request
    answers.add(answer)
    if (answers.size > MOST_AHEAD) return close(connection)
    answer.once('close', () => {
      connection.since = performance.now()
      answers.delete(answer)
    })
    handle(request, answer)
  })
  server.timeout = limits.stillMs
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    refuse(error, socket, connections.get(socket)?.request),
  )
  server.on('connection', (socket: Socket) => {
    const since = performance.now()
    connections.set(socket, { socket, since, read: 0, request: undefined, answers: new Set() })
    socket.once('close', () => connections.delete(socket))
    if (connections.size > most.silent) makeRoom()
  })
  return server

  function makeRoom(): void {
    const now = performance.now()
    const silent: Connection[] = []
    const still: Connection[] = []
    const uploads: Connection[] = []
    for (const connection of connections.values()) {
      if (isAtWork(connection)) continue
      const { socket, since, request } = connection
      if (!isUpload(request)) {
        still.push(connection)
        if (!request && now - since > most.silentMs) silent.push(connection)
        continue
      }
      uploads.push(connection)
      if (socket.bytesRead > connection.read) connection.since = now
      connection.read = socket.bytesRead
    }
    closeOldest(silent, silent.length - most.silent)
    closeOldest(still, connections.size - most.all)
    closeOldest(uploads, connections.size - most.all)
  }

  function closeOldest(some: Connection[], count: number): void {
    if (count <= 0) return
    for (const one of some.sort((a, b) => a.since - b.since).slice(0, count)) close(one)
  }

  function close({ socket }: Connection): void {
    connections.delete(socket)
    socket.destroy()
  }
}

/**
 * Does as node without a listener: answers, unless an answer has begun, and ends the connection.
 * The time limit of a request does not hold for a body that is streamed.
 */
function refuse(
  { code = '' }: NodeJS.ErrnoException,
  socket: Socket,
  request: http.IncomingMessage | undefined,
): void {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT' && request?.isStreamed) return
  const { _httpMessage: answer } = socket as Socket & { _httpMessage?: http.ServerResponse }
  const status = REFUSALS[code] ?? '400 Bad Request'
  if (socket.writable && !answer?.headersSent) {
    socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  }
  socket.destroy()
}

/**
 * Whether the request is complete, and its answer is not: an answer that nobody reads is not work.
 */
function isAtWork({ answers }: Connection): boolean {
  for (const { req, writableEnded } of answers) if (req.complete && !writableEnded) return true
  return false
}

function isUpload(request: http.IncomingMessage | undefined): boolean {
  return request?.isOfKnownCaller === true && !request.complete
}

// An http server that its connections cannot hold: a head and a body have their time, a connection
// on which nothing moves is closed, and beyond a number of them the one goes that has waited for
// longest without a complete request: a slow or silent sender, or an idle one. Never one whose
// request is being answered.

import http from 'node:http'
import type { Socket } from 'node:net'
import { limits } from '../config.ts'

/** Requests that a connection may send before it has an answer (pipelining). */
const MOST_AHEAD = 64

type Connection = {
  socket: Socket
  /** When it was opened, or its last request came, or that was answered. */
  since: number
  /** The last one; undefined before there was one. */
  request: http.IncomingMessage | undefined
  /** Requests without an answer. */
  underWay: number
}

/** A server for `handle`. `most`: its connections, and those of them without a complete request. */
export function createServer(
  handle: http.RequestListener,
  most: { all: number; incomplete: number } = limits.connections,
): http.Server {
  const connections = new Map<Socket, Connection>()
  const options = {
    keepAliveTimeout: 65_000,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: 2_000,
    // What node reads of a body before anybody asks for it.
    highWaterMark: 16 * 1024,
  }
  const server = http.createServer(options, (request, answer) => {
    const connection = connections.get(request.socket)
    if (!connection) return // It was closed while this was read.
    connection.since = performance.now()
    connection.request = request
    connection.underWay++
    if (connection.underWay > MOST_AHEAD) return close(connection)
    answer.once('close', () => {
      connection.since = performance.now()
      connection.underWay--
    })
    handle(request, answer)
  })
  server.timeout = limits.stillMs
  server.on('connection', (socket: Socket) => {
    connections.set(socket, { socket, since: performance.now(), request: undefined, underWay: 0 })
    socket.once('close', () => connections.delete(socket))
    if (connections.size > most.incomplete) makeRoom()
  })
  return server

  function makeRoom(): void {
    let incomplete = 0
    let slowest: Connection | undefined
    let stillest: Connection | undefined
    for (const connection of connections.values()) {
      if (isBeingAnswered(connection)) continue
      if (!stillest || connection.since < stillest.since) stillest = connection
      if (connection.request && connection.underWay === 0) continue
      incomplete++
      if (!slowest || connection.since < slowest.since) slowest = connection
    }
    if (slowest && incomplete > most.incomplete) close(slowest)
    else if (stillest && connections.size > most.all) close(stillest)
  }

  function close({ socket }: Connection): void {
    connections.delete(socket)
    socket.destroy()
  }
}

function isBeingAnswered({ request, underWay }: Connection): boolean {
  return underWay > 0 && request?.complete === true
}

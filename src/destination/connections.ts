// The connections of a process to webhooks: one for each request that is under way, kept alive,
// the one that was used last first. Each is a client of undici's.
//
// Many receivers close a connection after an answer and do not say so. A request that is written
// to it before the close arrives is lost, or worse, read and never answered. So a connection rests
// after an answer until one of its origin has stood open after two; from then on it is used again
// at once. undici's Agent has each one wait for two turns of the event loop. (A backlog to a
// receiver that answers at once, 64 in flight, by turns: 34,100 events/s over an Agent, 37,400 over
// these.)

import { Client } from 'undici'
import type { AnswerWatch } from './answers.ts'
import { createConnector } from './connector.ts'
import { type Answer, exchange, type PostLimits, type PostRequest } from './post.ts'
import { afterRest } from './rest.ts'

const KEEP_ALIVE_MS = 10_000
const HEADER_BYTES = 16_384
/** Every connection to an origin rests that long after one was closed without a word. */
const DISTRUST_MS = 60_000
/** Errors of a request whose connection was closed, the first one undici's. */
const CLOSED = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']

type Done = (result: Answer | Error) => void

export type Connections = {
  /** One POST; what came of it is told once, as exchange() does. */
  post(request: PostRequest, limits: PostLimits, done: Done): void
  /** Cuts off what is under way; nothing leaves any more. */
  close(): Promise<void>
}

type Connection = {
  client: Client
  /** Undefined before it is open. */
  watch: AnswerWatch | undefined
  /** How many answers came over the socket that stands. */
  answers: number
  isResting: boolean
}

/** The connections to an origin, and those of them that are idle, used last at the end. */
type Place = {
  origin: string
  all: Set<Connection>
  idle: Connection[]
  /** Whether the origin keeps connections open after an answer. */
  keeps: boolean | 'unknown'
}

/**
 * Not bounded here: each integration's in-flight limit bounds its own, so that a slow target takes
 * nothing from another one of the same host.
 */
export function createConnections(options: { allowPrivateTargets: boolean }): Connections {
  const connector = createConnector(options)
  const places = new Map<string, Place>()
  let isClosed = false

  return {
    post(request, limits, done) {
      const place = placeOf(request.origin)
      const connection = place.idle.pop() ?? open(place)
      const begun = performance.now()
      send(place, connection, request, limits, (result) => {
        if (!metClosed(connection, result)) return done(result)
        // The other side closed it before it saw the request: once more, on a new one.
        distrust(place)
        const timeoutMs = Math.max(1, limits.timeoutMs - (performance.now() - begun))
        send(place, open(place), request, { ...limits, timeoutMs }, done)
      })
    },
    async close() {
      isClosed = true
      const clients = [...places.values()].flatMap(({ all }) => [...all])
      await Promise.all(clients.map(({ client }) => client.destroy()))
    },
  }

  function send(
    place: Place,
    connection: Connection,
    request: PostRequest,
    limits: PostLimits,
    done: Done,
  ): void {
    exchange(connection.client, request, limits, (result) => {
      if (result instanceof Error || result.body === undefined) forget(place, connection)
      // Before it is told: who is told may post again at once, and then to this one.
      else release(place, connection)
      done(result)
    })
  }

  function metClosed({ answers, watch }: Connection, result: Answer | Error): boolean {
    if (!(result instanceof Error) || answers === 0 || watch?.hasBegun || isClosed) return false
    return CLOSED.includes((result as NodeJS.ErrnoException).code ?? '')
  }

  function release(place: Place, connection: Connection): void {
    connection.answers++
    connection.watch?.next()
    if (place.keeps === true) place.idle.push(connection)
    else {
      connection.isResting = true
      afterRest(() => endRest(place, connection))
    }
  }

  function endRest(place: Place, connection: Connection): void {
    // It was closed meanwhile.
    if (!place.all.has(connection)) return
    connection.isResting = false
    if (place.keeps === 'unknown' && connection.answers > 1) place.keeps = true
    place.idle.push(connection)
  }

  function distrust(place: Place): void {
    if (place.keeps === false) return
    place.keeps = false
    places.set(place.origin, place)
    setTimeout(() => {
      place.keeps = 'unknown'
      leaveIfEmpty(place)
    }, DISTRUST_MS).unref()
  }

  function placeOf(origin: string): Place {
    let place = places.get(origin)
    if (!place) {
      place = { origin, all: new Set(), idle: [], keeps: 'unknown' }
      places.set(origin, place)
    }
    return place
  }

  function open(place: Place): Connection {
    const client = new Client(place.origin, {
      connect: connector((watch) => {
        connection.watch = watch
        connection.answers = 0
      }),
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES,
      pipelining: 1,
    })
    const connection: Connection = { client, watch: undefined, answers: 0, isResting: false }
    place.all.add(connection)
    if (isClosed) forget(place, connection)
    // It was idle for too long, or the other side has hung up; one that is in use connects again.
    client.on('disconnect', () => {
      const at = place.idle.indexOf(connection)
      if (at !== -1) place.idle.splice(at, 1)
      if (at !== -1 || connection.isResting) forget(place, connection)
    })
    return connection
  }

  function forget(place: Place, connection: Connection): void {
    place.all.delete(connection)
    leaveIfEmpty(place)
    void connection.client.destroy()
  }

  function leaveIfEmpty(place: Place): void {
    const isEmpty = place.all.size === 0 && place.keeps !== false
    if (isEmpty && places.get(place.origin) === place) places.delete(place.origin)
  }
}

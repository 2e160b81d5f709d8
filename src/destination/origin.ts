// The connections to one origin: one per request in flight, kept alive, most recently used first.
// Each is a client of undici.
//
// Many receivers silently close a connection after an answer. A request written before the close
// arrives is lost, or read and never answered. So a connection rests after an answer, until one of
// its origin has stayed open after two answers; from then on connections are reused at once.
// undici's Agent instead delays each request by two turns of the event loop: it sent a backlog to a
// fast receiver with 64 in flight at 34,100 events/s, these connections at 37,400.

import type { Client } from 'undici'
import { undici } from '../lazy.ts'
import type { AnswerWatch } from './answers.ts'
import type { Connector } from './connector.ts'
import { afterRest } from './rest.ts'

const KEEP_ALIVE_MS = 10_000
const HEADER_BYTES = 16_384
/** How long every connection rests after a silent close. */
const DISTRUST_MS = 60_000
/** Further connections are closed after their answer: some receivers hold a process for each. */
const MOST_RESTING = 64

export type Connection = {
  client: Client
  /** Undefined before it is open. */
  watch: AnswerWatch | undefined
  /** How many answers came over the current socket. */
  answers: number
  isResting: boolean
}

export type Origin = {
  /** An idle connection, or a new one. */
  take(): Connection
  open(): Connection
  /** Gives a connection back after an answer. */
  giveBack(connection: Connection): void
  /** Ends a connection. */
  drop(connection: Connection): void
  /** Notes a silent close: all connections rest for a while. */
  distrust(): void
  close(): Promise<void>
}

/** Connections to "https://shop.example". `onEmpty` is called when nothing is left to remember. */
export function createOrigin(url: string, connector: Connector, onEmpty: () => void): Origin {
  const all = new Set<Connection>()
  /** The most recently used one is last. */
  const idle: Connection[] = []
  let resting = 0
  let keepsThem: boolean | 'unknown' = 'unknown'
  let isClosed = false

  const origin: Origin = {
    take: () => idle.pop() ?? open(),
    open,
    giveBack(connection) {
      connection.answers++
      connection.watch?.next()
      if (keepsThem === true) idle.push(connection)
      else if (resting === MOST_RESTING) drop(connection)
      else {
        connection.isResting = true
        resting++
        afterRest(() => endRest(connection))
      }
    },
    drop,
    distrust() {
      if (keepsThem === false) return
      keepsThem = false
      setTimeout(() => {
        keepsThem = 'unknown'
        reportIfEmpty()
      }, DISTRUST_MS).unref()
    },
    async close() {
      isClosed = true
      await Promise.all([...all].map(({ client }) => client.destroy()))
    },
  }
  return origin

  function open(): Connection {
    const connection = connect(url, connector)
    all.add(connection)
    if (isClosed) drop(connection)
    // It was idle for too long, or the other side has hung up; in use, it connects again.
    connection.client.on('disconnect', () => {
      const at = idle.indexOf(connection)
      if (at !== -1) idle.splice(at, 1)
      if (at !== -1 || connection.isResting) drop(connection)
    })
    return connection
  }

  function endRest(connection: Connection): void {
    resting--
    // It was closed meanwhile.
    if (!all.has(connection)) return
    connection.isResting = false
    if (keepsThem === 'unknown' && connection.answers > 1) keepsThem = true
    idle.push(connection)
  }

  function drop(connection: Connection): void {
    all.delete(connection)
    void connection.client.destroy()
    reportIfEmpty()
  }

  function reportIfEmpty(): void {
    if (all.size === 0 && keepsThem !== false) onEmpty()
  }
}

function connect(url: string, connector: Connector): Connection {
  const client = new (undici().Client)(url, {
    connect: connector((watch) => {
      connection.watch = watch
      connection.answers = 0
    }),
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES,
    pipelining: 1,
  })
  const connection: Connection = { client, watch: undefined, answers: 0, isResting: false }
  return connection
}

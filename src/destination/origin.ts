// The connections to one origin: one for each request that is under way, kept alive, the one that
// was used last first. Each is a client of undici's.
//
// Many receivers close a connection after an answer and do not say so. A request that is written
// to it before the close arrives is lost, or worse, read and never answered. So a connection rests
// after an answer until one of its origin has stood open after two; from then on it is used again
// at once. undici's Agent has each one wait for two turns of the event loop. (A backlog to a
// receiver that answers at once, 64 in flight, by turns: 34,100 events/s over an Agent, 37,400 over
// these.)

import { Client } from 'undici'
import type { AnswerWatch } from './answers.ts'
import type { Connector } from './connector.ts'
import { afterRest } from './rest.ts'

const KEEP_ALIVE_MS = 10_000
const HEADER_BYTES = 16_384
/** Every connection rests that long after one was closed without a word. */
const DISTRUST_MS = 60_000
/** Beyond those a connection is closed after its answer: some receivers hold a process for each. */
const MOST_RESTING = 64

export type Connection = {
  client: Client
  /** Undefined before it is open. */
  watch: AnswerWatch | undefined
  /** How many answers came over the socket that stands. */
  answers: number
  isResting: boolean
}

export type Origin = {
  /** A connection that is idle, or a new one. */
  take(): Connection
  open(): Connection
  /** Its request was answered. */
  giveBack(connection: Connection): void
  /** Ends a connection. */
  drop(connection: Connection): void
  /** One was closed without a word: all rest for a while. */
  distrust(): void
  close(): Promise<void>
}

/** Connections to "https://shop.example". `onEmpty` is called when there is nothing to remember. */
export function createOrigin(url: string, connector: Connector, onEmpty: () => void): Origin {
  const all = new Set<Connection>()
  /** The one that was used last at the end. */
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
        tellIfEmpty()
      }, DISTRUST_MS).unref()
    },
    async close() {
      isClosed = true
      await Promise.all([...all].map(({ client }) => client.destroy()))
    },
  }
  return origin

  function open(): Connection {
    const client = new Client(url, {
      connect: connector((watch) => {
        connection.watch = watch
        connection.answers = 0
      }),
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES,
      pipelining: 1,
    })
    const connection: Connection = { client, watch: undefined, answers: 0, isResting: false }
    all.add(connection)
    if (isClosed) drop(connection)
    // It was idle for too long, or the other side has hung up; one that is in use connects again.
    client.on('disconnect', () => {
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
    tellIfEmpty()
  }

  function tellIfEmpty(): void {
    if (all.size === 0 && keepsThem !== false) onEmpty()
  }
}

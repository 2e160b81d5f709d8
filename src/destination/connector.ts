// Opens connections of undici to targets that tenants have chosen. resolve.ts and address.ts
// resolve and check the name; answers.ts watches what is read.

import type { buildConnector } from 'undici'
import { undici } from '../lazy.ts'
import { lookupFor } from './address.ts'
import { type AnswerWatch, watchAnswers } from './answers.ts'

const CONNECT_TIMEOUT_MS = 10_000

/**
 * Makes a connector for a client; all of them share TLS sessions. `onOpen` gets each new socket.
 */
export type Connector = (onOpen?: (watch: AnswerWatch) => void) => buildConnector.connector

/** Refuses names that resolve to an address that is not public, unless private ones are allowed. */
export function createConnector(options: { allowPrivateTargets: boolean }): Connector {
  let connect: buildConnector.connector | undefined
  const settings = { timeout: CONNECT_TIMEOUT_MS, allowH2: false, lookup: lookupFor(options) }
  return (onOpen) => (connection, callback) => {
    connect ??= undici().buildConnector(settings)
    connect(connection, (...[error, socket]) => {
      if (error) return callback(error, null)
      const watch = watchAnswers(socket)
      onOpen?.(watch)
      callback(null, socket)
    })
  }
}

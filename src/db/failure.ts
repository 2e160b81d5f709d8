// Classifies failures of the database by their origin. The server reports a SQLSTATE. Everything
// that the socket or node-postgres reports about a connection becomes a ConnectionError, in
// client.ts and pool.ts. Three questions have three answers: may the statement be sent again, must
// the connection be dropped, is it our bug? No answer looks at a message's text. SQLSTATEs:
// PostgreSQL manual, appendix A.

import pg from 'pg'

/**
 * The connection could not be opened, or broke, or was given up. A statement under way on it may or
 * may not be committed. `code` comes from the socket or the server, if there is one.
 */
export class ConnectionError extends Error {
  readonly code: string | undefined

  constructor(cause: unknown) {
    const { message, code } = cause as { message?: string; code?: string }
    super(message || code || String(cause), { cause })
    this.code = code
  }
}

/** The server sent a value that cannot be read, such as a foreign date style. */
export class UnreadableValue extends Error {}

/** Classes, then single conditions, after which the same statement may succeed. */
const AGAIN_CLASSES = new Set([
  '08', // connection exception
  '40', // transaction rollback: serialization failure, deadlock
  '53', // insufficient resources: connections, memory, disk
  '57', // operator intervention: cancelled, shutting down, starting up
  '58', // system error: a file of the server
])
const AGAIN = new Set([
  '25006', // read-only: a standby, or a primary that became one
  '25P02', // in a failed transaction
  '25P03', // idle in a transaction for too long
  '25P04', // the transaction took too long
  '26000', // a prepared statement is gone: discarded, or behind a pooler
  '42P05', // a prepared statement exists already
  '0A000', // "cached plan must not change result type": after a migration
  '55006', // object in use
  '55P03', // lock not available
])

/** After these the connection is damaged: another one may work. */
const SPOILED_CLASSES = new Set(['08', '58', 'XX'])
const SPOILED = new Set([
  ...['25006', '25P02', '25P03', '25P04', '26000', '42P05', '0A000'],
  ...['57P01', '57P02', '57P03', '57P04', '57P05'], // the server ends the session
])

/**
 * Whether an idempotent statement may be sent again: it may or may not be committed, or the reason
 * of the refusal is temporary.
 */
export function maySendAgain(error: unknown): boolean {
  return error instanceof ConnectionError || isOneOf(error, AGAIN_CLASSES, AGAIN)
}

/** Whether the connection of a failed statement must not be used again. */
export function spoilsConnection(error: unknown): boolean {
  return error instanceof ConnectionError || isOneOf(error, SPOILED_CLASSES, SPOILED)
}

/**
 * Whether a failure is our bug, and not the fault of a database, a socket or a peer. Only a bug
 * ends the process. An error wrapped by a library is judged by its cause.
 */
export function isBug(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  if (error instanceof ConnectionError || error instanceof UnreadableValue) return false
  if (error instanceof pg.DatabaseError || isOfSocket(error)) return false
  if (error instanceof AggregateError) return error.errors.some(isBug)
  return error.cause === undefined || isBug(error.cause)
}

/** Whether the server is read-only: a standby, or a primary that became one. */
export function takesNoWrites(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '25006'
}

/** Whether a statement failed because of another's lock: it waited too long, or deadlocked. */
export function waitedTooLong(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '')
}

/** Classifies an error of node-postgres: from the server, our bug, or the connection. */
export function failureOf(error: Error): Error {
  if (error instanceof pg.DatabaseError || error instanceof UnreadableValue) return error
  const isOfCode = error instanceof TypeError || error instanceof RangeError
  return isOfCode || error instanceof ConnectionError ? error : new ConnectionError(error)
}

function isOneOf(error: unknown, classes: Set<string>, conditions: Set<string>): boolean {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return false
  return classes.has(error.code.slice(0, 2)) || conditions.has(error.code)
}

/** Errors of system calls name the call; those of undici have their own code. */
function isOfSocket(error: Error): boolean {
  const { syscall, code } = error as NodeJS.ErrnoException
  return syscall !== undefined || (typeof code === 'string' && code.startsWith('UND_ERR_'))
}

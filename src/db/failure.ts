// What a failure of the database means, by its origin: the server says a SQLSTATE, everything that
// the socket or node-postgres says about a connection is a ConnectionError (made where every query
// and every connection passes: client.ts, pool.ts). Three questions have three answers: may the
// statement be sent again, is the connection to be dropped, is it a bug of ours. No answer looks at
// the text of a message. SQLSTATEs: PostgreSQL manual, appendix A.

import pg from 'pg'

/**
 * The connection could not be made, or broke, or was given up. What was under way on it may have
 * been committed or not. `code` is that of the socket or the server, if there is one.
 */
export class ConnectionError extends Error {
  readonly code: string | undefined

  constructor(cause: unknown) {
    const { message, code } = cause as { message?: string; code?: string }
    super(message || code || String(cause), { cause })
    this.code = code
  }
}

/** The server gave a value that cannot be read: a date style that is not ours, for example. */
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
  '25P03', // idle in transaction for too long
  '25P04', // the transaction took too long
  '26000', // a prepared statement is gone: discarded, or another session behind a pooler
  '42P05', // a prepared statement is there already
  '0A000', // "cached plan must not change result type": a migration came between
  '55006', // object in use
  '55P03', // lock not available
])

/** After these the connection is not what it was: another one may do better. */
const SPOILED_CLASSES = new Set(['08', '58', 'XX'])
const SPOILED = new Set([
  ...['25006', '25P02', '25P03', '25P04', '26000', '42P05', '0A000'],
  ...['57P01', '57P02', '57P03', '57P04', '57P05'], // the server ends the session
])

/**
 * Whether an idempotent statement may be sent again: it may or may not have been committed, or was
 * refused for a reason that passes.
 */
export function maySendAgain(error: unknown): boolean {
  return error instanceof ConnectionError || isOneOf(error, AGAIN_CLASSES, AGAIN)
}

/** Whether the connection that a statement failed on must not be used again. */
export function spoilsConnection(error: unknown): boolean {
  return error instanceof ConnectionError || isOneOf(error, SPOILED_CLASSES, SPOILED)
}

/**
 * Whether a failure is a bug of ours, and not what a database, a socket or a peer did. Only a bug
 * ends the process. What a library wraps is judged by its cause.
 */
export function isBug(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  if (error instanceof ConnectionError || error instanceof UnreadableValue) return false
  if (error instanceof pg.DatabaseError || isOfSocket(error)) return false
  if (error instanceof AggregateError) return error.errors.some(isBug)
  return error.cause === undefined || isBug(error.cause)
}

/** Whether the server only reads: a standby, or a primary that became one. */
export function takesNoWrites(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '25006'
}

/** Whether a statement failed for another's lock: it waited too long, or each for the other. */
export function waitedTooLong(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '')
}

/** What node-postgres rejects with, told apart: the server's word, a bug, or the connection. */
export function failureOf(error: Error): Error {
  if (error instanceof pg.DatabaseError || error instanceof UnreadableValue) return error
  const isOfCode = error instanceof TypeError || error instanceof RangeError
  return isOfCode || error instanceof ConnectionError ? error : new ConnectionError(error)
}

function isOneOf(error: unknown, classes: Set<string>, conditions: Set<string>): boolean {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return false
  return classes.has(error.code.slice(0, 2)) || conditions.has(error.code)
}

/** Errors of system calls name the call; those of undici have a code of its own. */
function isOfSocket(error: Error): boolean {
  const { syscall, code } = error as NodeJS.ErrnoException
  return syscall !== undefined || (typeof code === 'string' && code.startsWith('UND_ERR_'))
}

// Structured logs, one JSON object a line on standard error: standard output belongs to the
// commands. Never pass a request body, a header or a configuration document to it: so secrets
// cannot leak.

import pino from 'pino'

export type Logger = pino.Logger

/** A logger that writes lines at `level` and above to standard error. */
export function createLogger(level: string): Logger {
  const options = { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }
  return pino(options, pino.destination({ dest: 2, sync: true }))
}

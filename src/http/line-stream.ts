// An answer of lines that begins before its request has ended. If it cannot be finished, the
// connection ends without the end of the answer, so that no client takes a part for the whole.

import type { RequestContext } from './route.ts'

/** How long what a client still sends is dropped, so that it can read the answers until there. */
const LINGER_MS = 1_000

/** Begins an answer of NDJSON with status 200. From now on koa leaves it alone. */
export function beginLines(context: RequestContext): void {
  const { res } = context
  context.respond = false
  context.status = 200
  context.set({
    'content-type': 'application/x-ndjson; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    // nginx would hold answers back.
    'x-accel-buffering': 'no',
  })
  res.flushHeaders()
}

/** Ends the connection in the middle of an answer: what was written so far leaves. */
export function breakOff({ req, res }: RequestContext): void {
  const { socket } = req
  socket.end()
  // A connection that is closed over unread bytes is reset, and the client may lose the answers.
  req.on('data', () => {})
  req.resume()
  const timer = setTimeout(() => res.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}

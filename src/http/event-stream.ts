// An answer that does not end: pieces of text/event-stream, as fast as the client takes them. A
// client whose socket takes nothing for a while is cut off.

import type { ServerResponse } from 'node:http'
import type { RequestContext } from './route.ts'

/** How long the socket of a client may be full. */
const DRAIN_MS = 10_000

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  // nginx would hold events back.
  'x-accel-buffering': 'no',
  // The end of the stream is the end of the connection.
  connection: 'close',
}

export type EventStream = {
  /** Aborted when the stream has ended, or its client is gone. */
  signal: AbortSignal
  /** Resolves once the client may get more; with false if it is gone, or was cut off. */
  write(pieces: Buffer[]): Promise<boolean>
  /** Ends the answer with a last piece, unless it has ended. */
  end(last?: Buffer): void
}

/**
 * Begins the answer with status 200. From now on koa leaves it alone. `onTooSlow` is called when
 * the client is cut off.
 */
export function openEventStream(context: RequestContext, onTooSlow: () => void): EventStream {
  const { res } = context
  const ended = new AbortController()
  context.respond = false
  context.status = 200
  context.set(HEADERS)
  res.flushHeaders()
  if (res.destroyed) ended.abort()
  else res.once('close', () => ended.abort())

  return {
    signal: ended.signal,
    async write(pieces) {
      if (ended.signal.aborted) return false
      const whole = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)
      if (res.write(whole) || (await drained(res))) return !ended.signal.aborted
      onTooSlow()
      res.destroy()
      return false
    },
    end(last) {
      if (res.writableEnded) return
      ended.abort()
      res.end(last)
    },
  }
}

/** Resolves when the socket has taken all, or is closed; with false if that takes too long. */
function drained(res: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, DRAIN_MS, false)
    const done = () => finish(true)
    function finish(isInTime: boolean): void {
      clearTimeout(timer)
      res.off('drain', done)
      res.off('close', done)
      resolve(isInTime)
    }
    res.once('drain', done)
    res.once('close', done)
  })
}

// Server-sent events (WHATWG HTML, "Server-sent events"): the text of one event, and what a stream
// says between events. The id of each is a position, from which a client goes on.

import { lineOfEvent, type ShownEvent } from '../shown.ts'

/** The pause before a client of the standard connects again. */
const RETRY_MS = 1_000

/** An event as a reader of the stream gets it. */
export function frameOf(event: ShownEvent): Buffer {
  return Buffer.from(`id: ${event.position}\ndata: ${lineOfEvent(event)}\n\n`)
}

/** The beginning of a stream after a position. */
export function openingFrame(after: number): Buffer {
  return Buffer.from(`retry: ${RETRY_MS}\nid: ${after}\n\n`)
}

/**
 * A sign of life. It names the position up to which nothing else passed the filter: a client that
 * comes back need not scan it again.
 */
export function heartbeatFrame(position: number): Buffer {
  return Buffer.from(`: still here\nid: ${position}\n\n`)
}

/** The last words of a stream. */
export function endingFrame(reason: string): Buffer {
  return Buffer.from(`: ${reason}\n\n`)
}

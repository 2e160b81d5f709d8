// How long a kept-alive connection rests after an answer before it is used again. A receiver that
// closes it silently does so right after the answer. A request written before the close is known is
// lost, or read and never answered.

/** A silent close arrives sooner than this after the answer. */
const REST_MS = 25

/** Calls `work` when the rest is over, and everything that came meanwhile was read. */
export function afterRest(work: () => void): void {
  // The timer may be late: the event loop reads sockets before it runs the immediate.
  setTimeout(() => setImmediate(work), REST_MS).unref()
}

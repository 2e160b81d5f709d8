// How long a kept-alive connection rests after an answer before it is used again. A receiver that
// closes it without saying so does it right after the answer; a request that is written before
// that is known is lost, or read and never answered.

/** A close that belongs to an answer comes sooner than this after it. */
const REST_MS = 25

/** Calls `work` when the rest is over and what came meanwhile was read. */
export function afterRest(work: () => void): void {
  // The timer may be late: the event loop reads before it comes to the immediate.
  setTimeout(() => setImmediate(work), REST_MS).unref()
}

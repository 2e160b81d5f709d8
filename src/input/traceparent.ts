// The header traceparent of W3C Trace Context (https://www.w3.org/TR/trace-context/): the trace of
// a request, and the span that it comes from.

/** Version, trace, span, flags, and what a later version may add. */
const FORM = /^(?!ff)([\da-f]{2})-((?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16})-([\da-f]{2})(-.*)?$/s

/**
 * The header as the log keeps it; null if it is missing or malformed: the standard has it ignored
 * then, and the request stays. A later version is kept as version 00, with the one flag that both
 * have: it was sampled. (sql/functions/traceparent_of.sql has the same rule.)
 */
export function traceparentOf(header: unknown): string | null {
  const [text, version, ids, flags, rest] = FORM.exec(String(header)) ?? []
  if (text === undefined) return null
  if (version !== '00') return `00-${ids}-${isOdd(flags) ? '01' : '00'}`
  return rest === undefined ? text : null
}

/** Whether the caller records its trace. */
export function isSampled(traceparent: string): boolean {
  return isOdd(traceparent)
}

/** Whether a number in hexadecimal digits is odd. */
function isOdd(digits = ''): boolean {
  return Number.parseInt(digits.slice(-1), 16) % 2 === 1
}

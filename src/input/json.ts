// JSON from outside (RFC 8259): arbitrary bytes. The nesting limit is checked only here, for every
// input: Postgres refuses JSON that is too deep for its stack, and with it the whole batch.

import { limits } from '../config.ts'
import { type Fault, fault } from '../errors.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Bytes as JSON, or the fault of `field`. The reason gives the place, and never quotes: a body may
 * contain personal data.
 */
export function parseJson(bytes: Buffer, field = 'body'): { value: unknown } | { fault: Fault } {
  if (bytes.length === 0) {
    return { fault: fault(field, 'empty', 'is empty; it must be one JSON object') }
  }
  let text: string
  try {
    // Kept, a byte order mark makes the text invalid JSON.
    text = decoder.decode(bytes)
  } catch {
    return { fault: fault(field, 'not_utf8', 'is not valid UTF-8') }
  }
  if (isTooDeep(bytes)) {
    return { fault: fault(field, 'too_deep', `is nested deeper than ${limits.jsonDepth} levels`) }
  }
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    const [where] = /at position \d+|end of JSON input/.exec((error as Error).message) ?? []
    return { fault: fault(field, 'not_json', `is not valid JSON${where ? ` (${where})` : ''}`) }
  }
}

const [QUOTE, BACKSLASH, BRACE, BRACE_END, BRACKET, BRACKET_END] = Buffer.from('"\\{}[]')

/** Whether more than limits.jsonDepth brackets are open at once, outside of strings. */
function isTooDeep(bytes: Buffer): boolean {
  let depth = 0
  let isInString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (isInString) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) isInString = false
    } else if (byte === QUOTE) isInString = true
    else if (byte === BRACE || byte === BRACKET) {
      if (++depth > limits.jsonDepth) return true
    } else if (byte === BRACE_END || byte === BRACKET_END) depth--
  }
  return false
}

/** Whether a JSON value is an object: not an array, not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

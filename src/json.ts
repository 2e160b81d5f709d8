// JSON from outside (RFC 8259): bytes that may be anything.

import { type Fault, fault } from './errors.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Bytes as JSON, or what is wrong with them. The reason says where, and never quotes: a body may
 * hold personal data.
 */
export function parseJson(bytes: Buffer): { value: unknown } | { fault: Fault } {
  if (bytes.length === 0) {
    return { fault: fault('body', 'empty', 'is empty; it must be one JSON object') }
  }
  let text: string
  try {
    // A byte order mark is kept, and is then no JSON.
    text = decoder.decode(bytes)
  } catch {
    return { fault: fault('body', 'not_utf8', 'is not valid UTF-8') }
  }
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    const [where] = /at position \d+|end of JSON input/.exec((error as Error).message) ?? []
    return { fault: fault('body', 'not_json', `is not valid JSON${where ? ` (${where})` : ''}`) }
  }
}

/** Whether a JSON value is an object: not an array, not null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// Reads a request's body as bytes, up to a limit. What is beyond the limit is dropped as it comes,
// and never held.

import type { IncomingMessage } from 'node:http'
import { fault, invalid, MillraceError } from '../errors.ts'
import { parseJson } from '../json.ts'

/**
 * How much beyond its limit a body is read and dropped, so that its sender can read the answer. One
 * that is larger is answered at once, and the connection closed.
 */
const DROPPED_BYTES = 8 * 1024 * 1024

/**
 * The body's bytes. Rejects with `payload_too_large` past `limit`. By events: an async iterator
 * costs more than all the rest of reading.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length']) > limit + DROPPED_BYTES) {
    return Promise.reject(tooLarge(limit))
  }
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
      else chunks = []
      if (size > limit + DROPPED_BYTES) reject(tooLarge(limit))
    })
    request.on('end', () => {
      if (size > limit) reject(tooLarge(limit))
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    })
    request.on('error', () => {}) // close follows
    request.on('close', () => {
      // Before the end the client has gone: nobody reads the answer, it is no fault of ours to log.
      if (!request.readableEnded) reject(size > limit ? tooLarge(limit) : cutOff())
    })
  })
}

function cutOff(): MillraceError {
  return invalid([fault('body', 'incomplete', 'ended before its end')])
}

function tooLarge(limit: number): MillraceError {
  const details = [fault('body', 'too_large', `is larger than ${limit} bytes`)]
  const message = `The body is larger than ${limit} bytes.`
  return new MillraceError('payload_too_large', message, { details })
}

/**
 * The body parsed as JSON; `absent` in place of an empty one. Throws `invalid_request` if it is not
 * UTF-8 or no JSON, or empty without `absent`.
 */
export async function readJson(
  request: IncomingMessage,
  limit: number,
  absent?: object,
): Promise<unknown> {
  const bytes = await readBody(request, limit)
  if (bytes.length === 0 && absent) return absent
  const parsed = parseJson(bytes)
  if ('fault' in parsed) throw invalid([parsed.fault])
  return parsed.value
}

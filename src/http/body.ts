// Reads a request's body as bytes, up to a limit.

import type { IncomingMessage } from 'node:http'
import { fault, invalid, MillraceError } from '../errors.ts'
import { parseJson } from '../json.ts'

/**
 * How much of a body that is too large is read and dropped, so that its sender can read the answer.
 */
const DRAIN_FACTOR = 16

/**
 * The body's bytes. Throws `payload_too_large` past `limit`, after reading what is left of it,
 * within reason.
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
      if (size > limit * DRAIN_FACTOR) break
    }
  } catch (error) {
    // The client has gone: nobody reads the answer, and it is no fault of ours to log.
    throw invalid([fault('body', 'incomplete', 'ended before its end')], error)
  }
  if (size <= limit) return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  const details = [fault('body', 'too_large', `is larger than ${limit} bytes`)]
  throw new MillraceError('payload_too_large', `The body is larger than ${limit} bytes.`, {
    details,
  })
}

/** The body parsed as JSON. Throws `invalid_request` where it is empty, not UTF-8 or no JSON. */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const parsed = parseJson(await readBody(request, limit))
  if ('fault' in parsed) throw invalid([parsed.fault])
  return parsed.value
}

// What stands between the SDK and a store that a tenant has chosen: no request leaves where nothing
// may leave any more, tries of the SDK's own included, and of an answer no more than a MiB is read,
// in bounded time.

import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'

const ANSWER_BYTES = 1024 * 1024

/** Nothing may leave any more. */
export class Halted extends Error {}

/**
 * Bounds what a client sends and reads. `mayGo` is asked before each request, but for the one that
 * cleans up.
 */
export function boundAnswers(
  client: S3Client,
  { mayGo, timeoutMs }: { mayGo: () => boolean; timeoutMs: number },
): void {
  // The last one before the request leaves, so that it sees every try.
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName !== 'AbortMultipartUploadCommand' && !mayGo()) throw new Halted()
        const result = await next(args).catch((error) => {
          throw mayGo() ? error : new Halted()
        })
        const { response } = result as { response: { body?: unknown } }
        if (response.body instanceof Readable) {
          response.body = Readable.from([await readAll(response.body, timeoutMs)])
        }
        return result
      },
    { step: 'deserialize', priority: 'low', name: 'boundAnswers' },
  )
}

async function readAll(body: Readable, timeoutMs: number): Promise<Buffer> {
  const timer = setTimeout(() => body.destroy(new Error('no end of the answer')), timeoutMs)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > ANSWER_BYTES) throw new Error(`the answer is larger than ${ANSWER_BYTES} bytes`)
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(timer)
    body.destroy()
  }
  return Buffer.concat(chunks)
}

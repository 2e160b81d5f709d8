// Documents that change only with the version of the service: held as bytes, and compressed once.
// Clients revalidate them at each use, so that after an upgrade no part of a page is older than the
// page. A document whose path names its version is never asked for again.

import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { DocumentedAnswer, RequestContext } from './route.ts'

export type StaticBody = { type: string; bytes: Buffer; etag: string; gzipped?: Promise<Buffer> }

/** Answers of documents besides 200. */
export const unchanged: Record<304, DocumentedAnswer> = {
  304: { description: 'It is as `If-None-Match` says.', headers: ['etag'] },
}

/** A document of a type. */
export function staticBody(type: string, content: string | Buffer): StaticBody {
  const bytes = Buffer.from(content)
  const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  // Weak, since it also names the compressed bytes.
  return { type, bytes, etag: `W/"${digest}"` }
}

/**
 * Answers with a document, compressed for clients that accept that. `isVersioned`: the path names
 * the version, so that the document never changes.
 */
export async function sendStatic(
  context: RequestContext,
  body: StaticBody,
  { isVersioned = false } = {},
): Promise<void> {
  const { type, bytes, etag } = body
  const caching = isVersioned ? 'public, max-age=31536000, immutable' : 'no-cache'
  context.status = 200
  context.set({ etag, 'cache-control': caching, 'x-content-type-options': 'nosniff' })
  context.vary('accept-encoding')
  context.type = type
  if (context.fresh) {
    context.status = 304
    return
  }
  const isCompressed = !type.startsWith('image/') && context.acceptsEncodings('gzip') === 'gzip'
  if (isCompressed) {
    body.gzipped ??= promisify(gzip)(bytes)
    context.set('content-encoding', 'gzip')
  }
  context.body = isCompressed ? await body.gzipped : bytes
}

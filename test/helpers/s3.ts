// The store of the tests for files, and content to write to it.

import { createHash } from 'node:crypto'
import { keys } from '../../scripts/kit/store.ts'
import type { FileStore } from '../../src/destination/destination.ts'
import { createS3, type S3Options } from '../../src/destination/s3.ts'
import { createPartBuffers } from '../../src/destination/s3-parts.ts'

export const BUCKET = 'files'
export const PART = 5 * 1024 * 1024
const partBuffers = createPartBuffers()
export const plain = { compression: null, maySend: () => true, onBegun: async () => {} }

export const storeAt = (endpoint: string, more: Partial<S3Options> = {}): FileStore =>
  createS3(partBuffers, {
    region: 'us-east-1',
    bucket: BUCKET,
    credentials: keys,
    endpoint,
    forcePathStyle: true,
    timeoutMs: 1_000,
    allowPrivateTargets: true,
    allowDefaultCredentials: false,
    ...more,
  })

/** Chunks of one buffer that is reused. */
export async function* chunksOf(content: Buffer, size = 300_000): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(size)
  for (let offset = 0; offset < content.length; offset += size) {
    yield buffer.subarray(0, content.copy(buffer, 0, offset))
  }
}

export function content(length: number): Buffer {
  return Buffer.alloc(length, createHash('sha512').update(String(length)).digest('base64'))
}

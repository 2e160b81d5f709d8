// Files in an S3 bucket. A file is streamed, so that memory does not grow with it (s3-parts.ts). A
// failed upload is aborted at the store; after a kill, discard() finds it by the key. A tenant
// chooses the endpoint, so aws-guard.ts guards it.

import { createHash } from 'node:crypto'
import { createGzip, type Gzip } from 'node:zlib'
import { S3Client } from '@aws-sdk/client-s3'
import {
  boundAnswers,
  CONNECT_TIMEOUT_MS,
  type Credentials,
  createAgents,
  createKeyMask,
  Halted,
  refusalOfTarget,
} from './aws-guard.ts'
import type { FileFailure, FileStore } from './destination.ts'
import { judgeStoreError } from './s3-error.ts'
import { type PartBufferPool, uploadInParts } from './s3-parts.ts'
import { abortUpload, abortUploads } from './s3-uploads.ts'

/** For one part, however slow. */
const REQUEST_TIMEOUT_MS = 300_000
/** Tries of one request, within seconds; the caller does later retries. */
const TRIES = 3
/** Statuses of a store without a list of uploads. */
const UNLISTED = [405, 501]

export type S3Options = {
  region: string
  bucket: string
  /** Undefined: the credentials of the machine's environment. */
  credentials: Credentials | undefined
  endpoint?: string | undefined
  forcePathStyle?: boolean | undefined
  /** How long a connection may be silent. */
  timeoutMs: number
  allowPrivateTargets: boolean
  allowDefaultCredentials: boolean
}

/** The state of a store. */
type Bucket = {
  readonly Bucket: string
  readonly client: S3Client
  readonly keyMask: ReturnType<typeof createKeyMask>
  /** Why nothing may be sent to its endpoint; undefined if it may. */
  readonly refusal: Error | undefined
  maySend: () => boolean
}

/**
 * A store that writes to a bucket, over its own connections: close it. It shares `partBuffers` with
 * others.
 */
export function createS3(partBuffers: PartBufferPool, options: S3Options): FileStore {
  const agents = createAgents(options)
  const client = createClient(options, agents)
  const bucket: Bucket = {
    Bucket: options.bucket,
    client,
    keyMask: createKeyMask(client, options.credentials),
    refusal: refusalOfTarget(options.endpoint, options),
    maySend: () => true,
  }
  boundAnswers(client, { maySend: () => bucket.maySend(), timeoutMs: REQUEST_TIMEOUT_MS })

  return {
    async write(key, chunks, options) {
      bucket.maySend = options.maySend
      const buffers = partBuffers.take()
      try {
        return await write(bucket, { key, chunks, buffers, ...options })
      } finally {
        partBuffers.giveBack(buffers)
      }
    },

    discard(key, options) {
      bucket.maySend = options.maySend
      return discard(bucket, key, options.uploadId)
    },

    halt() {
      bucket.maySend = () => false
      agents.httpAgent.destroy()
      agents.httpsAgent.destroy()
    },

    close() {
      client.destroy()
    },
  }
}

type Write = Pick<Parameters<FileStore['write']>[2], 'compression' | 'onBegun'> & {
  key: string
  chunks: AsyncIterable<Buffer>
  buffers: ReturnType<PartBufferPool['take']>
}

async function write(
  bucket: Bucket,
  { key: Key, chunks, buffers, compression, onBegun }: Write,
): ReturnType<FileStore['write']> {
  const { client, refusal, Bucket } = bucket
  const failed = failureOf(bucket, 'Upload to', Key)
  if (refusal) return failed(refusal)
  const hash = createHash('sha256')
  let bytes = 0
  const ours = createOurs()
  const encoding = compression ? { ContentEncoding: compression } : {}
  const head = { Bucket, Key, ContentType: 'application/x-ndjson', ...encoding }
  const upload = uploadInParts(client, head, buffers, (id) => ours.watch(onBegun(id)))
  const source = ours.watchAll(chunks)
  try {
    for await (const chunk of compression ? zipped(source) : source) {
      hash.update(chunk)
      bytes += chunk.length
      await upload.add(chunk)
    }
    await upload.complete()
    const unlisted = upload.isDoubtful() ? await clear(bucket, Key, failed) : undefined
    if (unlisted && unlisted.kind !== 'refused') return unlisted
    return { kind: 'delivered', bytes, sha256: hash.digest() }
  } catch (error) {
    await upload.abort().catch(() => {}) // discard() will
    if (ours.error) throw ours.error
    return failed(error)
  }
}

async function discard(
  bucket: Bucket,
  Key: string,
  uploadId: string | null,
): ReturnType<FileStore['discard']> {
  const { client, refusal, Bucket } = bucket
  const failed = failureOf(bucket, 'Clearing unfinished uploads of', Key)
  if (refusal) return failed(refusal)
  try {
    // First by its name: not every store lists uploads, and not every key may list them.
    if (uploadId) await abortUpload(client, { Bucket, Key, UploadId: uploadId })
  } catch (error) {
    return failed(error)
  }
  return clear(bucket, Key, failed)
}

/** Aborts all uploads of a key; refused if the store cannot list them. */
async function clear(
  { client, Bucket }: Bucket,
  Key: string,
  failed: Failed,
): Promise<FileFailure | undefined> {
  try {
    await abortUploads(client, { Bucket, Key })
    return undefined
  } catch (error) {
    const failure = await failed(error)
    const isUnlisted = failure.kind !== 'halted' && UNLISTED.includes(failure.status ?? 0)
    return isUnlisted ? { ...failure, kind: 'refused' } : failure
  }
}

type Failed = (error: unknown) => Promise<FileFailure>

function failureOf({ Bucket, refusal, keyMask }: Bucket, what: string, key: string): Failed {
  return async (error) => {
    if (error instanceof Halted) return { kind: 'halted' }
    const { reason, ...outcome } = judgeStoreError(error)
    const mask = error === refusal ? String : await keyMask()
    return { ...outcome, reason: `${what} s3://${Bucket}/${key} failed. Reason: ${mask(reason)}` }
  }
}

function createClient(options: S3Options, agents: ReturnType<typeof createAgents>): S3Client {
  const { credentials, endpoint } = options
  return new S3Client({
    region: options.region,
    ...(credentials ? { credentials } : {}),
    ...(endpoint ? { endpoint } : {}),
    forcePathStyle: options.forcePathStyle ?? false,
    maxAttempts: TRIES,
    // Not every S3-compatible store knows checksums beyond the signature's.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      ...agents,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: options.timeoutMs,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  })
}

/** Separates the caller's errors from the store's. */
function createOurs() {
  const ours = {
    error: undefined as unknown,
    watch: <T>(work: Promise<T>): Promise<T> => work.catch(noteError),
    async *watchAll(chunks: AsyncIterable<Buffer>) {
      try {
        yield* chunks
      } catch (error) {
        noteError(error)
      }
    },
  }
  return ours

  function noteError(error: unknown): never {
    ours.error = error
    throw error
  }
}

async function* zipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gzip = createGzip()
  const feeding = feed(gzip, chunks)
  try {
    yield* gzip
  } finally {
    gzip.destroy()
    await feeding
  }
}

/** Feeds one chunk after the other; each may be reused once the next one is requested. */
async function feed(gzip: Gzip, chunks: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      await new Promise<void>((resolve, reject) => {
        gzip.write(chunk, (error) => (error ? reject(error) : resolve()))
      })
    }
    gzip.end()
  } catch (error) {
    gzip.destroy(error as Error)
  }
}

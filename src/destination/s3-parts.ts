// Uploads one object in parts. Of two buffers of a part each, one is filled while the other is
// sent. Both are reused, so an upload makes no garbage however long it is. Upload of
// @aws-sdk/lib-storage makes a buffer for each part: with it a file of 50 MiB took a process 95
// MiB, this way 45. An object that fits into a part is a single PUT.

import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { abortUpload } from './s3-uploads.ts'

/** S3's minimum, except for the last part. 10,000 parts are allowed: 50 GiB. */
const PART_BYTES = 5 * 1024 * 1024

/** The buffers of one upload at a time. */
type PartBuffers = [Buffer, Buffer]

export type PartBufferPool = { take(): PartBuffers; giveBack(buffers: PartBuffers): void }

/**
 * Buffers that uploads share, one after the other. The pool keeps as many as were in use at once.
 */
export function createPartBuffers(): PartBufferPool {
  const free: PartBuffers[] = []
  const make = (): PartBuffers => [
    Buffer.allocUnsafeSlow(PART_BYTES),
    Buffer.allocUnsafeSlow(PART_BYTES),
  ]
  return {
    take: () => free.pop() ?? make(),
    giveBack: (buffers) => free.push(buffers),
  }
}

type PartUpload = {
  /**
   * Takes the bytes; the caller may reuse the chunk when it resolves. Rejects if an earlier part
   * failed.
   */
  add(chunk: Buffer): Promise<void>
  /** Completes the upload; the object exists when it resolves. */
  complete(): Promise<void>
  /** Whether an upload may exist whose name was lost with an answer. */
  isDoubtful(): boolean
  /** Aborts: the store keeps nothing of it. No request is in flight when it settles. */
  abort(): Promise<void>
}

type ObjectHead = Pick<PutObjectCommandInput, 'ContentType' | 'ContentEncoding'> & {
  Bucket: string
  Key: string
}

/** Begins an upload; the first request leaves with the first full part. */
export function uploadInParts(
  client: S3Client,
  head: ObjectHead,
  buffers: PartBuffers,
  onBegun: (uploadId: string) => Promise<void>,
): PartUpload {
  const { Bucket, Key } = head
  const sent: { PartNumber: number; ETag: string }[] = []
  let [filling, spare] = buffers
  let used = 0
  let UploadId: string | undefined
  let isDoubtful = false
  let sending: Promise<unknown> = Promise.resolve()

  return {
    async add(chunk) {
      for (let offset = 0; offset < chunk.length; ) {
        if (used === PART_BYTES) await sendPart()
        const copied = chunk.copy(filling, used, offset)
        offset += copied
        used += copied
      }
    },
    async complete() {
      if (UploadId === undefined) {
        const whole = { ...head, Body: filling.subarray(0, used) }
        expectTag(await client.send(new PutObjectCommand(whole)))
        return
      }
      await sendPart()
      await sending
      const MultipartUpload = { Parts: sent }
      const whole = { Bucket, Key, UploadId, MultipartUpload }
      const { ETag, Key: key } = await client.send(new CompleteMultipartUploadCommand(whole))
      expectTag({ ETag: ETag || key }) // Ceph names only the object
    },
    isDoubtful: () => isDoubtful,
    async abort() {
      await sending.catch(() => {}) // a part under way would outlive its upload
      if (UploadId !== undefined) await abortUpload(client, { Bucket, Key, UploadId })
    },
  }

  /** Sends the full buffer once the previous part has arrived. */
  async function sendPart(): Promise<void> {
    if (UploadId === undefined) {
      const begun = await client.send(new CreateMultipartUploadCommand(head))
      if (!begun.UploadId) throw new Error('the answer names no upload')
      UploadId = begun.UploadId
      isDoubtful = (begun.$metadata.attempts ?? 1) > 1
      await onBegun(UploadId)
    }
    await sending
    const part = filling.subarray(0, used)
    sending = send(part, sent.length + 1)
    sending.catch(() => {}) // the caller that awaits it gets the error, too
    const free = spare
    spare = filling
    filling = free
    used = 0
  }

  async function send(Body: Buffer, PartNumber: number): Promise<void> {
    const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body })
    sent.push({ PartNumber, ETag: expectTag(await client.send(part)) })
  }
}

/**
 * A store that has written something returns a tag; another server in between may answer 200
 * without one.
 */
function expectTag({ ETag }: { ETag?: string | undefined }): string {
  if (!ETag) throw new Error('the answer has no ETag: it does not come from a store')
  return ETag
}

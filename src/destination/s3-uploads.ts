// Removes unfinished multipart uploads from a store: by name, and by key, since a name can be lost
// with an answer.

import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'

const LISTED_UPLOADS = 100

/** Aborts an upload; one that does not exist counts as aborted. */
export async function abortUpload(
  client: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
): Promise<void> {
  await client.send(new AbortMultipartUploadCommand(upload)).catch((error) => {
    if (error.name !== 'NoSuchUpload') throw error
  })
}

/** Aborts all unfinished uploads of an object. */
export async function abortUploads(
  client: S3Client,
  { Bucket, Key }: { Bucket: string; Key: string },
): Promise<void> {
  const prefixed = { Bucket, Prefix: Key, MaxUploads: LISTED_UPLOADS }
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand(prefixed))
  for (const { Key: key, UploadId } of Uploads) {
    if (key === Key && UploadId) await abortUpload(client, { Bucket, Key, UploadId })
  }
}

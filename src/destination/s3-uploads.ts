// Clearing what an upload in parts leaves at a store where nobody ends it: by its name, and by the
// key, since a name can be lost with an answer.

import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type S3Client,
} from '@aws-sdk/client-s3'

const LISTED_UPLOADS = 100

/** Aborts an upload; one that is not there any more is aborted. */
export async function abortUpload(
  client: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
): Promise<void> {
  await client.send(new AbortMultipartUploadCommand(upload)).catch((error) => {
    if (error.name !== 'NoSuchUpload') throw error
  })
}

/** Aborts what is begun of an object and not completed. */
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

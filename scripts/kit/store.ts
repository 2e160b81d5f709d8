// S3 stores: the one of npm, which starts at once and accepts any key, and Ceph's if it is
// installed. Both are real servers over the network; a suite runs against each.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import { startFauxqs } from 'fauxqs'
import { hasRadosgw, keys, startRadosgw } from './radosgw.ts'

export { keys } from './radosgw.ts'

type StoreKind = 'fauxqs' | 'radosgw'

/** The stores that can start on this machine. */
export const storeKinds: StoreKind[] = hasRadosgw() ? ['fauxqs', 'radosgw'] : ['fauxqs']

export type Store = {
  endpoint: string
  createBucket(bucket: string): Promise<void>
  /** Moves it to another region. Undefined if the store knows no regions. */
  moveBucket?(bucket: string): Promise<void>
  /** The keys of a bucket. */
  keys(bucket: string): Promise<string[]>
  read(bucket: string, key: string): Promise<{ body: Buffer; encoding: string | undefined }>
  /** Uploads that were begun and neither completed nor aborted. */
  uploads(bucket: string): Promise<Upload[]>
  /** Their keys. */
  unfinished(bucket: string): Promise<string[]>
  close(): Promise<void>
}

type Upload = { key: string; id: string }

type Server = {
  endpoint: string
  uploads?(bucket: string): Promise<Upload[]>
  moveBucket?(bucket: string): Promise<void>
  stop(): Promise<void>
}

export async function startStore(kind: StoreKind): Promise<Store> {
  const server: Server = kind === 'radosgw' ? await startRadosgw() : await startNpmStore()
  const client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: keys,
    forcePathStyle: true,
  })
  return {
    endpoint: server.endpoint,
    ...(server.moveBucket ? { moveBucket: server.moveBucket } : {}),
    async createBucket(Bucket) {
      await client.send(new CreateBucketCommand({ Bucket }))
    },
    async keys(Bucket) {
      const found: string[] = []
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
        found.push(...Contents.map(({ Key }) => Key as string))
      }
      return found
    },
    async read(Bucket, Key) {
      const { Body, ContentEncoding } = await client.send(new GetObjectCommand({ Bucket, Key }))
      const bytes = (await Body?.transformToByteArray()) ?? []
      return { body: Buffer.from(bytes), encoding: ContentEncoding }
    },
    uploads,
    unfinished: async (bucket) => (await uploads(bucket)).map(({ key }) => key),
    async close() {
      client.destroy()
      await server.stop()
    },
  }

  async function uploads(Bucket: string): Promise<Upload[]> {
    if (server.uploads) return server.uploads(Bucket)
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }))
    return Uploads.map(({ Key, UploadId }) => ({ key: Key as string, id: UploadId as string }))
  }
}

/** The parameters of an integration that writes to a bucket of the store. */
export function s3Parameters(endpoint: string, bucket: string, more: Record<string, unknown> = {}) {
  return {
    aws_access_key_id: keys.accessKeyId,
    aws_secret_access_key: keys.secretAccessKey,
    aws_region: 'us-east-1',
    bucket,
    endpoint,
    force_path_style: true,
    ...more,
  }
}

/** It cannot list unfinished uploads, so its files are searched for them. */
async function startNpmStore(): Promise<Server> {
  const s3StorageDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-store-'))
  const server = await startFauxqs({ port: 0, logger: false, s3StorageDir })
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    async uploads(bucket: string): Promise<Upload[]> {
      const uploads: Upload[] = []
      for await (const file of glob('_multipart/*/.upload.json', { cwd: s3StorageDir })) {
        const upload = JSON.parse(readFileSync(path.join(s3StorageDir, file), 'utf8'))
        if (upload.bucket === bucket)
          uploads.push({ key: upload.key, id: path.dirname(file).slice(11) })
      }
      return uploads
    },
    async stop() {
      await server.stop()
      rmSync(s3StorageDir, { recursive: true, force: true })
    },
  }
}

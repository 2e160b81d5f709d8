// Files in S3 as a destination under torture: a bucket for each integration, at a store in a
// separate process (store-process.ts). The files are read after everything has drained.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { Destination } from './destination.ts'
import { collectFiles } from './s3-files.ts'

const KEYS = { accessKeyId: 'AKIAMILLRACE', secretAccessKey: 'secretsecretsecret' }
const AWS = { aws_access_key_id: KEYS.accessKeyId, aws_secret_access_key: KEYS.secretAccessKey }
const REGION = 'us-east-1'

type Store = { endpoint: string; client: S3Client; process: ChildProcess }

/** One for all targets of a run; it ends with the last of them. */
let store: Promise<Store> | undefined
let targets = 0

export const s3: Destination = {
  name: 's3',
  plans: [
    { id: 'flaky', character: 'flaky', mayStop: true },
    {
      id: 'toggled',
      character: 'steady',
      filter: { event_filter: ['order.created', 'order.opened'] },
      mayStop: true,
    },
  ],
  async startTarget({ character, chance, ledger, journal, findings }) {
    targets++
    store ??= startStore(chance.whole(1, 1_000_000))
    const { client, endpoint, process } = await store
    // The store's faults depend on the name of the bucket.
    const bucket = `${character}-${ledger.id}`
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    return {
      parameters: (version) => ({
        s3_parameters: {
          ...AWS,
          aws_region: REGION,
          bucket,
          endpoint,
          force_path_style: true,
          key_prefix: `version-${version}`,
          ...(version % 2 === 1 ? { compression: 'gzip' } : {}),
        },
      }),
      heal: () => void process.send('heal'),
      collect: (session) => collectFiles({ client, bucket, session, ledger, journal, findings }),
      check: async () => {},
      async close() {
        if (--targets > 0) return
        client.destroy()
        store = undefined
        const ended = once(process, 'exit')
        process.disconnect()
        await ended
      },
    }
  },
}

async function startStore(seed: number): Promise<Store> {
  const wanted = process.env['STORE'] ? [process.env['STORE']] : []
  const program = path.join(import.meta.dirname, 'store-process.ts')
  const child = fork(program, [String(seed), ...wanted])
  const ended = once(child, 'exit').then(() => {
    throw new Error('The store has ended.')
  })
  ended.catch(() => {}) // in the end it may
  const [{ port }] = await Promise.race([once(child, 'message'), ended])
  const endpoint = `http://127.0.0.1:${port}`
  const settings = { endpoint, forcePathStyle: true, region: REGION }
  return { endpoint, process: child, client: new S3Client({ ...settings, credentials: KEYS }) }
}

// A backlog as files in S3: how fast Millrace exports it, beside COPY of the same range into the
// same upload to the same store. The store's own work is in both.

import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { ADMIN_TOKEN } from '../kit/client.ts'
import { startRemote } from '../kit/remote.ts'
import type { CopyCall } from './copy-process.ts'
import { fill, register, TENANT, unregister } from './events.ts'
import { byTurns } from './measure.ts'
import { launch } from './process.ts'
import { compare, type Scenario } from './scenario.ts'

const BUCKET = 'bench'
const ENTITIES = 1_000
const KEYS = { aws_access_key_id: 'bench', aws_secret_access_key: 'bench' }
/** Seldom: who asks takes of the time that is measured. */
const POLL_MS = 100
const TIMEOUT_MS = 120_000

const sizes = {
  full: { events: 150_000, rounds: 3, maxBytes: 52_428_800 },
  smoke: { events: 2_000, rounds: 1, maxBytes: 1_000_000 },
}

type File = { count: number; first_position: number; last_position: number }

export const s3: Scenario = {
  name: 's3',
  async run(stage, size) {
    const { events, rounds, maxBytes } = sizes[size]
    const database = await stage.database('s3')
    const { first, last } = await fill(database.url, events, { entities: ENTITIES })
    await database.analyze() // without it COPY sorts on the disk
    const settings = { MILLRACE_S3_WINDOW_MS: '100', MILLRACE_S3_MAX_BYTES: String(maxBytes) }
    const [serve, work, store, copier] = await Promise.all([
      launch('serve', database.url),
      launch('work', database.url, settings),
      startRemote('bench/store-process.ts'),
      startRemote('bench/copy-process.ts'),
    ])
    try {
      const endpoint = await store.call<string>('start', BUCKET)
      const idle = work.memoryMiB()
      let round = 0
      const { exported, copied } = await byTurns(rounds, {
        exported: () => emptied(() => exportAll(`files-${round++}`, endpoint)),
        copied: () => emptied(() => copyAll(endpoint)),
      })
      const peak = work.peakMemoryMiB()
      return [
        compare(
          `export of ${events.toLocaleString('en')} events as files`,
          exported,
          { what: 'COPY of them into the same upload', runs: copied },
          '≥ 0.5',
        ),
        {
          what: 'memory of work, more than idle at the peak',
          figure: peak - idle,
          unit: 'MiB',
          goal: '≤ 100',
          runs: [peak - idle],
        },
      ]
    } finally {
      await Promise.all([serve.stop(), work.stop(), store.stop(), copier.stop()])
      await database.drop()
    }

    async function emptied(measure: () => Promise<number>): Promise<number> {
      const rate = await measure()
      await store.call('empty')
      return rate
    }

    async function exportAll(id: string, endpoint: string): Promise<number> {
      const aws = { ...KEYS, aws_region: 'us-east-1', bucket: BUCKET }
      const started = performance.now()
      await register(serve.url, ADMIN_TOKEN, id, '', {
        callback_parameters: undefined,
        starts_at: new Date(Math.floor(first / 1000)).toISOString(),
        s3_parameters: { ...aws, endpoint, force_path_style: true },
      })
      for (;;) {
        const files = await filesOf(serve.url, id)
        const count = files.reduce((sum, file) => sum + file.count, 0)
        if (count >= events) {
          expectWhole(files, count)
          const seconds = (performance.now() - started) / 1000
          await unregister(serve.url, ADMIN_TOKEN, id)
          return events / seconds
        }
        if (performance.now() - started > TIMEOUT_MS) throw new Error(`${count} are in files.`)
        await sleep(POLL_MS)
      }
    }

    /** Each event once: the files follow upon each other from the first event to the last. */
    function expectWhole(files: File[], count: number): void {
      const inOrder = [...files].sort((a, b) => a.first_position - b.first_position)
      const isWhole =
        count === events &&
        inOrder[0]?.first_position === first &&
        inOrder.at(-1)?.last_position === last
      const follows = inOrder.every(
        (file, i) => i === 0 || file.first_position > (inOrder[i - 1] as File).last_position,
      )
      if (!isWhole || !follows) throw new Error(`The files hold ${count} of ${events} events.`)
    }

    async function copyAll(endpoint: string): Promise<number> {
      const started = performance.now()
      const call: CopyCall = {
        url: database.url,
        tenant: TENANT,
        from: first,
        to: last,
        maxBytes,
        store: {
          region: 'us-east-1',
          bucket: BUCKET,
          endpoint,
          forcePathStyle: true,
          credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
          timeoutMs: 30_000,
          allowPrivateTargets: true,
          allowDefaultCredentials: false,
        },
      }
      const count = await copier.call<number>('copy', call)
      if (count !== events) throw new Error(`COPY had ${count} of ${events} events.`)
      return (events * 1000) / (performance.now() - started)
    }
  },
}

async function filesOf(url: string, id: string): Promise<File[]> {
  const { body } = await request(
    `${url}/api/v1/org/integrations/eventstream/${id}/files?limit=1000`,
    { headers: { authorization: `Bearer ${ADMIN_TOKEN}`, tenant: TENANT } },
  )
  return ((await body.json()) as { files: File[] }).files
}

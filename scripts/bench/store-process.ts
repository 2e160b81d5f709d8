// A store that speaks S3, in a process of its own: the one of npm, with its files on the disk.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startFauxqs } from 'fauxqs'
import { serveCalls } from '../kit/remote.ts'

const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))

let empty = () => {}

serveCalls({
  ping: () => {},
  async start(bucket: string): Promise<string> {
    const server = await startFauxqs({ port: 0, logger: false, s3StorageDir: directory })
    server.createBucket(bucket)
    empty = () => server.emptyBucket(bucket)
    return `http://127.0.0.1:${server.port}`
  },
  empty: () => empty(),
})

// A process of the service on a database of the benchmark, and its memory.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { guardDirectory, guardProcess } from '../kit/guard.ts'
import { peakMiB, residentMiB } from '../kit/memory.ts'
import { type Command, startService } from '../kit/service.ts'

export type Launched = {
  /** Its URL; empty for a worker. */
  url: string
  /** Resident memory now, and its peak so far. NaN without /proc. */
  memoryMiB(): number
  peakMemoryMiB(): number
  /** SIGTERM, and waits for the end. Throws if it had ended by itself, or fails to stop. */
  stop(): Promise<void>
}

/** Starts `millrace <command>` and waits until it reports that it is ready. */
export async function launch(
  command: Command,
  url: string,
  environment: Record<string, string> = {},
): Promise<Launched> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'millrace-bench-'))
  guardDirectory(dataDir)
  const service = await startService(command, {
    DATABASE_URL: url,
    MILLRACE_DATA_DIR: dataDir,
    MILLRACE_LOG_LEVEL: 'error',
    ...environment,
  })
  guardProcess(service.process)
  const pid = service.process.pid as number
  return {
    url: service.url,
    memoryMiB: () => residentMiB(pid),
    peakMemoryMiB: () => peakMiB(pid),
    async stop() {
      const status = await service.kill('SIGTERM')
      rmSync(dataDir, { recursive: true, force: true })
      if (status !== 0)
        throw new Error(`millrace ${command} ended (${status}):\n${service.output()}`)
    },
  }
}

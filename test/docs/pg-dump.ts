// A server with the schema of Millrace that an installed pg_dump can dump: it refuses one that is
// newer than itself.

import { rmSync } from 'node:fs'
import { findInstallation, startInstalled, temporary } from '../../scripts/kit/cluster.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/logger.ts'

/** Where its programs are; undefined where there are none. */
export const pgDumpAt = findInstallation()

type DumpServer = { url: string; stop(): Promise<void> }

/** Starts a server of the installation at `bin`, and migrates it. */
export async function startDumpServer(bin: string): Promise<DumpServer> {
  const directory = temporary()
  const server = await startInstalled(bin, directory)
  await migrate(server.url, createLogger('silent'))
  return {
    url: server.url,
    async stop() {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

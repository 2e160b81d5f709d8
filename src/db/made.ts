// Commands that read need the tables of a service. They refuse a database without them, and do not
// create one.

import fs from 'node:fs'
import { clusterOf } from './cluster.ts'
import { openClient } from './session.ts'

const NO_TABLES =
  'This database has no tables of Millrace: ' +
  'start the service first, or set DATABASE_URL or MILLRACE_DATA_DIR.'

/** Throws if no service has made an embedded database in this data directory yet. */
export function refuseNewCluster(dataDir: string): void {
  if (!fs.existsSync(clusterOf(dataDir).files)) throw new Error(NO_TABLES)
}

/** Throws if no service has made its tables in the database at `url` yet. */
export async function refuseNewDatabase(url: string): Promise<void> {
  const client = await openClient(url, 'millrace', 'script')
  try {
    const { rows } = await client.query(`select to_regclass('migration_checksum') as found`)
    if (rows[0].found === null) throw new Error(NO_TABLES)
  } finally {
    await client.end()
  }
}

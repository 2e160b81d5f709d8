// `make schema`: writes sql/schema.sql from a database of its own, made for it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { createLogger } from '../../src/logger.ts'
import { readSchema } from './catalogue.ts'
import { printSchema } from './print.ts'

const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-schema-'))
const server = await startEmbeddedPostgres(directory)
try {
  const logger = createLogger('warn')
  await migrate(server.url, logger)
  const database = openDatabase(server.url, { durability: 'durable', max: 1, logger })
  writeFileSync(path.resolve('sql/schema.sql'), printSchema(await readSchema(database.pool)))
  await database.close()
} finally {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
}

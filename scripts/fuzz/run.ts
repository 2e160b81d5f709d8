// `make fuzz`: COUNT requests from SEED (default: a fresh one) to a service and an embedded
// Postgres of its own. Exit status 1 if anything broke, with the cases and the seed.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/pool.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import { createLogger } from '../../src/logger.ts'
import { fuzz } from './fuzz.ts'
import { summaryOf } from './report.ts'

const seed = Number(process.env['SEED'] || Math.floor(Math.random() * 1_000_000))
const count = Number(process.env['COUNT'] || 10_000)
if (![seed, count].every(Number.isSafeInteger) || count <= 0) {
  console.error('COUNT and SEED are whole numbers.')
  process.exit(2)
}
console.log(`seed ${seed}, ${count} requests`)
// Everything that was started ends in order.
let isOver = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isOver = true
  })
}
const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-fuzz-'))
const server = await startEmbeddedPostgres(directory)
const logger = createLogger('silent')
await migrate(server.url, logger)
const database = openDatabase(server.url, { durability: 'relaxed', max: 2, logger })
await createPartitions(database.pool)
try {
  const report = await fuzz({
    seed,
    count,
    database: { url: server.url, pool: database.pool },
    say: (line) => console.log(line),
    // V8's young generation comes and goes by 120 MiB; what is on the heap is judged apart.
    residentBytes: 192 * 1024 * 1024,
    isOver: () => isOver,
  })
  console.log(summaryOf(report))
  process.exitCode = report.findings.counts().size === 0 ? 0 : 1
} finally {
  await database.close()
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
}

// `make bench BASE=<commit>`: this checkout beside that commit, by turns on one Postgres. The ratio
// of each line is the median of three rounds.

import { mkdtempSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { describeMachine } from '../bench/machine.ts'
import { type Measured, renderTable } from '../bench/table.ts'
import { guardDirectory } from '../kit/guard.ts'
import { query } from '../kit/postgres.ts'
import { exitAtSignals } from '../kit/signals.ts'
import { checkOut } from './checkout.ts'
import type { Comparison } from './comparison.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { publish } from './publish.ts'
import { saturation } from './saturation.ts'
import { programsOf } from './side.ts'
import { starting } from './starting.ts'
import { waking } from './waking.ts'

const comparisons: Comparison[] = [publish, latency, saturation, starting, waking, memory]
const ROUNDS = 3

const [base = '', ...chosen] = process.argv.slice(2)
exitAtSignals()

const checkout = checkOut(base)
process.on('exit', checkout.remove)
const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-compare-'))
guardDirectory(directory)
const server = await startEmbeddedPostgres(directory)
const { rows } = await query<{ server_version: string }>(server.url, 'show server_version')
const postgres = rows[0]?.server_version ?? 'unknown'
const measured: Measured[] = []
for (const { name, run } of comparisons) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  process.stderr.write(`${name} …`)
  const started = performance.now()
  const lines = await run(programsOf(checkout.program), { serverUrl: server.url, rounds: ROUNDS })
  const seconds = Math.round((performance.now() - started) / 1000)
  process.stderr.write(` ${seconds} s\n`)
  measured.push({ name, seconds, lines })
}
await server.stop()
console.log(`Compared with ${checkout.commit}:\n`)
console.log(renderTable(describeMachine({ postgres, size: 'full' }), measured))
process.exit(0)
